// Starts the supervisor, whose executable travels inside this one.
#pragma once

#include <sys/types.h>

#include "envs/sandbox/descriptors.h"
#include "envs/sandbox/sandbox.h"
#include "envs/sandbox/wire.h"

namespace agon::envs {

struct Supervisor {
  pid_t pid = -1;
  Descriptor socket;
  std::string description;
};

// Waits until it has probed the machine. Throws Error(kUnsupported) or Error(kIo).
Supervisor LaunchSupervisor(const SandboxOptions& options);

// Ends it, and with it all boxes.
void StopSupervisor(Supervisor* supervisor);

}  // namespace agon::envs
