// What a box's processes use, read from outside in /proc.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace agon::envs::box {

struct TreeUsage {
  int num_processes = 0;
  int64_t cpu_us = 0;           // of the living and of their reaped children
  int64_t anonymous_bytes = 0;  // resident; pages shared after a fork count in each process
};

// The process id of a pidfd in this pid namespace, -1 if it is gone.
pid_t PidOf(int pidfd);

std::vector<pid_t> ChildrenOf(pid_t pid);

// Of `root` and its descendants. A box's first process adopts its orphans, so from there
// on nothing is missed but what ends between two reads.
TreeUsage MeasureTree(pid_t root);

}  // namespace agon::envs::box
