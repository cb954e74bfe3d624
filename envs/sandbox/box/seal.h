// What a box's processes are set up with, and the last step before untrusted code.
#pragma once

#include <linux/filter.h>

#include "envs/sandbox/wire.h"

namespace agon::envs::box {

struct BoxSetup {
  bool isolated = true;
  bool memory_by_cgroup = false;
  int landlock_abi = 0;  // 0: the kernel has none
  const sock_filter* filter = nullptr;
  int num_filter = 0;
  int proc_fd = -1;  // the host's /proc, closed before untrusted code runs
  // Without isolation: the interpreter to start.
  const char* python = nullptr;
};

// Takes away from the calling process what untrusted code must not have: resource limits,
// Landlock, capabilities, seccomp, in this order. Returns nullptr, or the name of the step
// that failed, with errno set; the process must not go on then.
const char* Seal(const BoxSetup& setup, const wire::Limits& limits);

}  // namespace agon::envs::box
