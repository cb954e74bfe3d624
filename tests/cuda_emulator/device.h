// Which of the machine's GPUs a host thread computes on. Memory and streams are a GPU's own, so
// that a thread for each GPU needs no locks.
#pragma once

#include <array>
#include <cstddef>

namespace cuda_emulator {

inline constexpr int kMaxGpus = 8;

// The calling thread's, as cudaSetDevice left it.
int CurrentGpu();

// One T for each GPU: the current one's.
template <typename T>
T& OfCurrentGpu() {
  static std::array<T, kMaxGpus> all;
  return all[static_cast<size_t>(CurrentGpu())];
}

}  // namespace cuda_emulator
