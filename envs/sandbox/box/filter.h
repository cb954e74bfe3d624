// The seccomp allow-list of a box's program.
#pragma once

#include <linux/filter.h>

#include <vector>

namespace agon::envs::box {

// The filter as instructions for the running architecture. Other calls fail with EPERM,
// clone3 with ENOSYS (so that libc falls back to clone, whose flags can be looked at), calls
// of another architecture kill. Throws Failure.
std::vector<sock_filter> MakeFilter();

}  // namespace agon::envs::box
