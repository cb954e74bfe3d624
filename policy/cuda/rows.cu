// Rows moved whole: gather, scatter with sums, conversion. Bound: HBM.
#include "policy/cuda/device.h"
#include "policy/cuda/kernels.h"
#include "policy/cuda/launch.h"

namespace agon::policy::cuda {
namespace {

constexpr int kThreads = 128;

template <typename T>
__global__ void GatherRowsKernel(const T* x, const int32_t* rows, int c, T* out) {
  const T* source = x + static_cast<int64_t>(rows[blockIdx.x]) * c;
  T* target = out + static_cast<int64_t>(blockIdx.x) * c;
  for (int i = static_cast<int>(threadIdx.x) * 4; i < c; i += kThreads * 4) {
    Store4(target + i, Load4(source + i));
  }
}

// Block (i, part) adds up all rows of d that go where row i goes, if none before i does: one
// owner for each target row, and sums in the order of i without atomics. A thread holds four
// columns; rows that match are found 128 at a time.
__global__ void ScatterAddRowsKernel(const float* d, const int32_t* rows, int count, int c,
                                     float* dx) {
  const int i = static_cast<int>(blockIdx.x), thread = static_cast<int>(threadIdx.x);
  const int32_t target = rows[i];
  for (int end = i; end > 0; end -= kThreads) {
    const int j = end - 1 - thread;
    if (__syncthreads_or(j >= 0 && rows[j] == target)) return;
  }
  const int column = (static_cast<int>(blockIdx.y) * kThreads + thread) * 4;
  float* out = dx + static_cast<int64_t>(target) * c + column;
  float4 sum = column < c ? Load4(out) : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
  __shared__ SharedArray<uint32_t, kThreads / kWarp> matches;
  for (int begin = i; begin < count; begin += kThreads) {
    const int j = begin + thread;
    const uint32_t lanes = __ballot_sync(kAllLanes, j < count && rows[j] == target);
    if (thread % kWarp == 0) matches[thread / kWarp] = lanes;
    __syncthreads();
    for (int warp = 0; warp < kThreads / kWarp; ++warp) {
      for (uint32_t left = matches[warp]; left != 0; left &= left - 1) {
        const int row = begin + warp * kWarp + __ffs(static_cast<int>(left)) - 1;
        if (column < c) sum = Add4(sum, Load4(d + static_cast<int64_t>(row) * c + column));
      }
    }
    __syncthreads();
  }
  if (column < c) Store4(out, sum);
}

template <typename T>
__global__ void RoundKernel(const float* x, int64_t count, T* rounded) {
  const int64_t i = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) * 4;
  if (i + 4 <= count) {
    Store4(rounded + i, Load4(x + i));
  } else {
    for (int64_t j = i; j < count; ++j) Put(rounded + j, x[j]);
  }
}

}  // namespace

template <typename T>
void GatherRows(const T* x, const int32_t* rows, int count, int c, T* out, cudaStream_t stream) {
  Launch("GatherRows", {dim3(static_cast<unsigned>(count)), kThreads}, stream, GatherRowsKernel<T>,
         x, rows, c, out);
}

void Embedding(const float* table, const int32_t* tokens, int rows, int c, float* x,
               cudaStream_t stream) {
  GatherRows(table, tokens, rows, c, x, stream);
}

void ScatterAddRows(const float* d, const int32_t* rows, int count, int c, float* dx,
                    cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(count), NumBlocks(c, kThreads * 4));
  Launch("ScatterAddRows", {grid, kThreads}, stream, ScatterAddRowsKernel, d, rows, count, c, dx);
}

template <typename T>
void Round(const float* x, int64_t count, T* rounded, cudaStream_t stream) {
  Launch("Round", {dim3(NumBlocks(count, kThreads * 4)), kThreads}, stream, RoundKernel<T>, x,
         count, rounded);
}

#define AGON_INSTANTIATE(T)                                                          \
  template void GatherRows<T>(const T*, const int32_t*, int, int, T*, cudaStream_t); \
  template void Round<T>(const float*, int64_t, T*, cudaStream_t);
AGON_INSTANTIATE(float)
AGON_INSTANTIATE(Bf16)
#undef AGON_INSTANTIATE

}  // namespace agon::policy::cuda
