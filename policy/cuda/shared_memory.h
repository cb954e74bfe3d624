// Memory that a block's threads share, for kernels.
//
//   __shared__ SharedArray<float, 32> sums;      // fixed size
//   DynamicShared<float> scores(0, num_keys);    // a part of the launch's shared_bytes
//
// Plain memory on a device; the emulator's types of the same names check every access. An
// element is read into a variable whose type is spelled out: `float x = sums[i]`.
#pragma once

#ifndef __CUDACC__
#include <cuda_shared_memory.h>  // the emulator's
#else

#include <cuda_runtime.h>

#include <cstdint>

template <typename T, int kCount>
class SharedArray {
 public:
  __device__ T& operator[](int64_t i) { return values_[i]; }

 private:
  T values_[kCount];
};

// `count` elements at `offset_bytes`, a multiple of the element's size.
template <typename T>
class DynamicShared {
 public:
  __device__ DynamicShared(int64_t offset_bytes, int64_t) {
    extern __shared__ uint4 dynamic_shared_memory[];
    values_ = reinterpret_cast<T*>(reinterpret_cast<char*>(dynamic_shared_memory) + offset_bytes);
  }
  __device__ T& operator[](int64_t i) const { return values_[i]; }

 private:
  T* values_;
};

#endif
