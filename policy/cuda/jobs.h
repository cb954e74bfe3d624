// Many arrays in one launch.
//
// Jobs travel as an argument of the kernel, in constant memory: they take none of the device's and
// nothing has to arrive before. 4 KiB is what every driver takes for all arguments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "policy/cuda/launch.h"

namespace agon::policy::cuda {

inline constexpr size_t kJobBytes = 4096 - 128;  // what is left of the arguments

// Some jobs, and the blocks of one launch that do them: each a few neighbours.
template <typename Job>
struct Jobs {
  static constexpr int kMost = static_cast<int>((kJobBytes - sizeof(int)) / (sizeof(Job) + 4)) - 1;

  int count = 0;
  unsigned ends[kMost] = {};  // blocks up to the end of each
  Job jobs[kMost] = {};

  // The job of a block of the grid, and which of the job's blocks that is.
  struct Place {
    const Job& job;
    unsigned block;
  };
  __device__ Place Find(unsigned block) const {
    int low = 0, high = count - 1;
    while (low < high) {
      const int middle = (low + high) / 2;
      if (block < ends[middle]) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return {jobs[low], low == 0 ? block : block - ends[low - 1]};
  }
};

// Launches `kernel`, whose first parameter is `const __grid_constant__ Jobs<Job>`, for all jobs:
// as many at once as its arguments can hold. blocks_of(job) blocks for each.
template <typename Job, typename BlocksOf, typename... Parameters, typename... Arguments>
void LaunchJobs(const char* op, std::span<const Job> jobs, const BlocksOf& blocks_of,
                unsigned threads, cudaStream_t stream, void (*kernel)(Jobs<Job>, Parameters...),
                Arguments... arguments) {
  Jobs<Job> some;
  unsigned blocks = 0;
  for (size_t i = 0; i < jobs.size(); ++i) {
    blocks += blocks_of(jobs[i]);
    some.ends[some.count] = blocks;
    some.jobs[some.count++] = jobs[i];
    if (some.count < Jobs<Job>::kMost && i + 1 < jobs.size()) continue;
    Launch(op, {dim3(blocks), threads}, stream, kernel, some, arguments...);
    some.count = 0;
    blocks = 0;
  }
}

}  // namespace agon::policy::cuda
