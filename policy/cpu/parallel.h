// Loops over independent items on OpenMP threads. Private to policy/cpu.
#pragma once

#include <omp.h>

#include <cstdint>

namespace agon::policy::cpu {

// body(i) for i in [0, count), dealt one by one: for items of unequal cost. Each item must
// write only what no other item touches, so the result doesn't depend on the dealing.
template <typename Body>
void ParallelItems(int64_t count, const Body& body) {
  if (count <= 1) {
    for (int64_t i = 0; i < count; ++i) body(i);
    return;
  }
#pragma omp parallel for schedule(dynamic, 1)
  for (int64_t i = 0; i < count; ++i) body(i);
}

// body(begin, end) over [0, count) cut into one contiguous range per thread, at multiples
// of `grain`. Only for bodies whose result doesn't depend on the cuts.
template <typename Body>
void ParallelRanges(int64_t count, int64_t grain, const Body& body) {
  const int64_t pieces = (count + grain - 1) / grain;
  if (pieces <= 1) {
    if (count > 0) body(int64_t{0}, count);
    return;
  }
#pragma omp parallel
  {
    const int64_t threads = omp_get_num_threads(), me = omp_get_thread_num();
    const int64_t begin = pieces * me / threads * grain;
    const int64_t limit = pieces * (me + 1) / threads * grain;
    const int64_t end = limit < count ? limit : count;
    if (begin < end) body(begin, end);
  }
}

}  // namespace agon::policy::cpu
