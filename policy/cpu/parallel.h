// Loops over independent items on all threads. Private to policy/cpu.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>

#include "policy/cpu/worker_pool.h"

namespace agon::policy::cpu {

// body(i) for i in [0, count), dealt one by one: for items of unequal cost. Each item must
// write only what no other item touches, so the result doesn't depend on the dealing.
template <typename Body>
void ParallelItems(int64_t count, const Body& body) {
  WorkerPool::Instance().Run(
      count, [](const void* context, int64_t item) { (*static_cast<const Body*>(context))(item); },
      &body);
}

// body(begin, end) over [0, count) cut into contiguous ranges at multiples of `grain`, some
// for each thread. Only for bodies whose result doesn't depend on the cuts.
template <typename Body>
void ParallelRanges(int64_t count, int64_t grain, const Body& body) {
  if (count == 0) return;
  const int64_t grains = (count + grain - 1) / grain;
  const int threads = omp_get_max_threads();
  const int64_t pieces = threads == 1 ? 1 : std::min<int64_t>(grains, 4 * threads);
  ParallelItems(pieces, [&](int64_t piece) {
    const int64_t begin = grains * piece / pieces * grain;
    const int64_t end = std::min(count, grains * (piece + 1) / pieces * grain);
    if (begin < end) body(begin, end);
  });
}

}  // namespace agon::policy::cpu
