// What kernels are written with: element types, vector accesses, sums over a warp and a block.
//
// Sums run in an order that depends only on the number of threads, so a row's bits don't
// depend on its batch. nvcc is run with -fmad=false: a fused multiply-add is asked for by name.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>

#include "policy/cuda/shared_memory.h"

namespace agon::policy::cuda {

using Bf16 = __nv_bfloat16;

inline constexpr unsigned kAllLanes = 0xffffffffu;
inline constexpr int kWarp = 32;

__device__ inline float ToFloat(float x) { return x; }
__device__ inline float ToFloat(Bf16 x) { return __bfloat162float(x); }

__device__ inline void Put(float* p, float x) { *p = x; }
__device__ inline void Put(Bf16* p, float x) { *p = __float2bfloat16_rn(x); }

// Four neighbours in one transaction: 16 bytes of fp32, 8 of bf16. The address is a multiple
// of that.
__device__ inline float4 Load4(const float* p) { return *reinterpret_cast<const float4*>(p); }
__device__ inline void Store4(float* p, const float4& v) { *reinterpret_cast<float4*>(p) = v; }

__device__ inline float4 Load4(const Bf16* p) {
  const uint2 bits = *reinterpret_cast<const uint2*>(p);
  return make_float4(__uint_as_float(bits.x << 16), __uint_as_float(bits.x & 0xffff0000u),
                     __uint_as_float(bits.y << 16), __uint_as_float(bits.y & 0xffff0000u));
}

__device__ inline uint32_t PackBf16(float low, float high) {
  return static_cast<uint32_t>(__bfloat16_as_ushort(__float2bfloat16_rn(low))) |
         static_cast<uint32_t>(__bfloat16_as_ushort(__float2bfloat16_rn(high))) << 16;
}

__device__ inline void Store4(Bf16* p, const float4& v) {
  *reinterpret_cast<uint2*>(p) = make_uint2(PackBf16(v.x, v.y), PackBf16(v.z, v.w));
}

// Two neighbours, of bf16 the first in the lower half; an address is a multiple of what is moved at
// once.
__device__ inline uint32_t Load2(const Bf16* p) { return *reinterpret_cast<const uint32_t*>(p); }
__device__ inline void Store2(Bf16* p, float low, float high) {
  *reinterpret_cast<uint32_t*>(p) = PackBf16(low, high);
}
__device__ inline void Store2(float* p, float low, float high) {
  *reinterpret_cast<float2*>(p) = make_float2(low, high);
}

__device__ inline float4 Scale4(const float4& v, float s) {
  return make_float4(v.x * s, v.y * s, v.z * s, v.w * s);
}

__device__ inline float4 Add4(const float4& a, const float4& b) {
  return make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w);
}

// sum + a . b, one fused multiply-add for each element, in order.
__device__ inline float Dot4(const float4& a, const float4& b, float sum) {
  return fmaf(a.w, b.w, fmaf(a.z, b.z, fmaf(a.y, b.y, fmaf(a.x, b.x, sum))));
}

// Over the 32 lanes, the same bits in each: halves are added pairwise.
template <typename T>
__device__ inline T WarpSum(T x) {
#pragma unroll
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    x += __shfl_xor_sync(kAllLanes, x, distance);
  }
  return x;
}

template <typename T>
__device__ inline T Larger(T a, T b) {
  return a < b ? b : a;
}

template <typename T>
__device__ inline T WarpMax(T x) {
#pragma unroll
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    x = Larger(x, __shfl_xor_sync(kAllLanes, x, distance));
  }
  return x;
}

// Over the block's threads, a multiple of 32; every thread gets the result. All threads call
// it. The barrier at the end lets the next call use the same memory.
template <typename T>
__device__ inline T BlockSum(T x) {
  __shared__ SharedArray<T, kWarp> sums;
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  x = WarpSum(x);
  if (lane == 0) sums[warp] = x;
  __syncthreads();
  const int num_warps = blockDim.x / kWarp;
  T total = sums[0];
  for (int i = 1; i < num_warps; ++i) total += static_cast<T>(sums[i]);
  __syncthreads();
  return total;
}

template <typename T>
__device__ inline T BlockMax(T x) {
  __shared__ SharedArray<T, kWarp> maxima;
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  x = WarpMax(x);
  if (lane == 0) maxima[warp] = x;
  __syncthreads();
  const int num_warps = blockDim.x / kWarp;
  T most = maxima[0];
  for (int i = 1; i < num_warps; ++i) most = Larger<T>(most, maxima[i]);
  __syncthreads();
  return most;
}

// Sum over the threads before this one. `total` is over all.
template <typename T>
__device__ inline T BlockSumBefore(T x, T* total) {
  __shared__ SharedArray<T, kWarp> sums;
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  T up_to = x;
#pragma unroll
  for (int distance = 1; distance < kWarp; distance *= 2) {
    const T before = __shfl_up_sync(kAllLanes, up_to, distance);
    if (lane >= distance) up_to += before;
  }
  if (lane == kWarp - 1) sums[warp] = up_to;
  __syncthreads();
  const int num_warps = blockDim.x / kWarp;
  T before = T(0), all = T(0);
  for (int i = 0; i < num_warps; ++i) {
    if (i == warp) before = all;
    all += static_cast<T>(sums[i]);
  }
  __syncthreads();
  *total = all;
  const T previous = __shfl_up_sync(kAllLanes, up_to, 1);
  return lane == 0 ? before : before + previous;
}

}  // namespace agon::policy::cuda
