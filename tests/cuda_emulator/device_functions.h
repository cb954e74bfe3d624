// The device functions that kernels of this project call, on one fiber.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "tests/cuda_emulator/block.h"

// A call's place is its line, not its address in the code: a compiler may copy a call.
inline void __syncthreads(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  cuda_emulator::Block::Current().AtBarrier(false, {file, line});
}
inline int __syncthreads_count(bool predicate, const char* file = __builtin_FILE(),
                               int line = __builtin_LINE()) {
  return cuda_emulator::Block::Current().AtBarrier(predicate, {file, line});
}
inline int __syncthreads_or(bool predicate, const char* file = __builtin_FILE(),
                            int line = __builtin_LINE()) {
  return __syncthreads_count(predicate, file, line) > 0;
}
inline void __syncwarp(uint32_t mask = 0xffffffffu, const char* file = __builtin_FILE(),
                       int line = __builtin_LINE()) {
  cuda_emulator::Block::Current().AtWarp(cuda_emulator::WarpOperation::kSync, mask, 0, 0,
                                         {file, line});
}
inline uint32_t __ballot_sync(uint32_t mask, bool predicate, const char* file = __builtin_FILE(),
                              int line = __builtin_LINE()) {
  return static_cast<uint32_t>(cuda_emulator::Block::Current().AtWarp(
      cuda_emulator::WarpOperation::kBallot, mask, predicate, 0, {file, line}));
}
inline bool __any_sync(uint32_t mask, bool predicate, const char* file = __builtin_FILE(),
                       int line = __builtin_LINE()) {
  return __ballot_sync(mask, predicate, file, line) != 0;
}

namespace cuda_emulator {

template <typename T>
T Shuffle(uint32_t mask, T value, int source, Site site) {
  static_assert(sizeof(T) <= 8);
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = Block::Current().AtWarp(WarpOperation::kShuffle, mask, bits, source, site);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline int Lane() { return Block::Current().thread() % 32; }

}  // namespace cuda_emulator

template <typename T>
T __shfl_sync(uint32_t mask, T value, int source, const char* file = __builtin_FILE(),
              int line = __builtin_LINE()) {
  return cuda_emulator::Shuffle(mask, value, source & 31, {file, line});
}
template <typename T>
T __shfl_xor_sync(uint32_t mask, T value, int distance, const char* file = __builtin_FILE(),
                  int line = __builtin_LINE()) {
  return cuda_emulator::Shuffle(mask, value, (cuda_emulator::Lane() ^ distance) & 31, {file, line});
}
// Beyond the warp's ends a lane keeps its own value.
template <typename T>
T __shfl_up_sync(uint32_t mask, T value, int distance, const char* file = __builtin_FILE(),
                 int line = __builtin_LINE()) {
  const int lane = cuda_emulator::Lane();
  return cuda_emulator::Shuffle(mask, value, lane < distance ? lane : lane - distance,
                                {file, line});
}
template <typename T>
T __shfl_down_sync(uint32_t mask, T value, int distance, const char* file = __builtin_FILE(),
                   int line = __builtin_LINE()) {
  const int lane = cuda_emulator::Lane();
  return cuda_emulator::Shuffle(mask, value, lane + distance > 31 ? lane : lane + distance,
                                {file, line});
}

template <typename T>
T __ldg(const T* p) {
  return *p;
}
inline int __popc(uint32_t x) { return std::popcount(x); }
inline int __clz(int x) { return std::countl_zero(static_cast<uint32_t>(x)); }
inline int __ffs(int x) { return x == 0 ? 0 : std::countr_zero(static_cast<uint32_t>(x)) + 1; }
inline uint32_t __float_as_uint(float x) { return std::bit_cast<uint32_t>(x); }
inline float __uint_as_float(uint32_t x) { return std::bit_cast<float>(x); }

// Atomic on global memory. Returns what was there.
template <typename T>
T atomicAdd(T* p, T value) {
  return std::atomic_ref<T>(*p).fetch_add(value, std::memory_order_relaxed);
}
template <typename T>
T atomicMax(T* p, T value) {
  std::atomic_ref<T> target(*p);
  T old = target.load(std::memory_order_relaxed);
  while (old < value && !target.compare_exchange_weak(old, value, std::memory_order_relaxed)) {
  }
  return old;
}
inline void __threadfence() { std::atomic_thread_fence(std::memory_order_seq_cst); }
