// The first process of a box: makes the rest of its namespaces, waits for its one program,
// starts it, reaps what it leaves behind, reports its end and dies, with which the kernel
// kills everything else in the box.
#pragma once

#include "envs/sandbox/box/seal.h"
#include "envs/sandbox/wire.h"

namespace agon::envs::box {

struct Payload {
  const char* bytes = nullptr;
  int64_t size = 0;
};

// `fds` are indexed by wire::BoxFd. Runs in the box's first process and returns in one place
// only: the sealed child that is to run the payload in the interpreter it was forked from.
// A command is executed instead.
Payload RunInit(const BoxSetup& setup, const int (&fds)[wire::kNumBoxFds]);

}  // namespace agon::envs::box
