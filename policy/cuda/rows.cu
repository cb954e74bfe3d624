// Rows moved whole: gather, scatter with sums, conversion. Bound: HBM.
#include "policy/cuda/chain.h"
#include "policy/cuda/device.h"
#include "policy/cuda/kernels.h"
#include "policy/cuda/launch.h"

namespace agon::policy::cuda {
namespace {

constexpr int kThreads = 128;

template <typename T>
__global__ void GatherRowsKernel(const T* x, const int32_t* rows, int c, T* out) {
  WaitForKernelBefore();
  const T* source = x + static_cast<int64_t>(rows[blockIdx.x]) * c;
  T* target = out + static_cast<int64_t>(blockIdx.x) * c;
  for (int i = static_cast<int>(threadIdx.x) * 4; i < c; i += kThreads * 4) {
    Store4(target + i, Load4(source + i));
  }
}

constexpr int kOrderThreads = 512;
constexpr int kDigitBits = 4, kDigits = 1 << kDigitBits;

// One stable pass of a radix sort by the digit at `shift`. A thread has `per_thread` neighbours;
// places go by digit, then by thread.
__device__ void OrderByDigit(const int32_t* keys, const int32_t* order, int count, int per_thread,
                             int shift, int32_t* to_keys, int32_t* to_order) {
  __shared__ SharedArray<int32_t, kDigits * kOrderThreads> places;
  const int thread = static_cast<int>(threadIdx.x);
  const int begin = thread * per_thread;
  const int end = begin + per_thread < count ? begin + per_thread : count;
  const auto counter = [&](int32_t key) {
    return (key >> shift & (kDigits - 1)) * kOrderThreads + thread;
  };
  for (int digit = 0; digit < kDigits; ++digit) places[digit * kOrderThreads + thread] = 0;
  for (int i = begin; i < end; ++i) places[counter(keys[i])] += 1;
  __syncthreads();
  int32_t sum = 0, total = 0;
  for (int i = 0; i < kDigits; ++i) sum += static_cast<int32_t>(places[thread * kDigits + i]);
  int32_t before = BlockSumBefore(sum, &total);
  for (int i = 0; i < kDigits; ++i) {
    const int32_t own = places[thread * kDigits + i];
    places[thread * kDigits + i] = before;
    before += own;
  }
  __syncthreads();
  for (int i = begin; i < end; ++i) {
    const int32_t key = keys[i], at = places[counter(key)];
    places[counter(key)] = at + 1;
    to_keys[at] = key;
    to_order[at] = order[i];
  }
  __syncthreads();
}

// keys and order (count): rows in rising order, equal ones as they came, and where they came from.
// `spare` (2 count). One block. Rows that rise already, as those that are scored do, are only read.
__global__ void OrderRowsKernel(const int32_t* rows, int count, int32_t* keys, int32_t* order,
                                int32_t* spare) {
  bool falls = false;
  int32_t largest = 0;
  for (int i = static_cast<int>(threadIdx.x); i < count; i += kOrderThreads) {
    const int32_t row = rows[i];
    falls = falls || (i > 0 && rows[i - 1] > row);
    largest = Larger(largest, row);
    keys[i] = row;
    order[i] = i;
  }
  if (!__syncthreads_or(falls)) return;
  largest = BlockMax(largest);
  const int per_thread = (count + kOrderThreads - 1) / kOrderThreads;
  for (int shift = 0; shift < 31 && largest >> shift > 0; shift += 2 * kDigitBits) {
    OrderByDigit(keys, order, count, per_thread, shift, spare, spare + count);
    OrderByDigit(spare, spare + count, count, per_thread, shift + kDigitBits, keys, order);
  }
}

// Block (i, part) adds up the rows of d that go to keys[i], if i is the first of them: one owner
// for each target row, and sums in the order of d without atomics. A thread holds four columns.
__global__ void ScatterAddRowsKernel(const float* d, const int32_t* keys, const int32_t* order,
                                     int count, int c, float* dx) {
  constexpr int kAtOnce = 8;  // rows on their way
  const int first = static_cast<int>(blockIdx.x);
  const int32_t target = keys[first];
  if (first > 0 && keys[first - 1] == target) return;
  const int column = (static_cast<int>(blockIdx.y) * kThreads + static_cast<int>(threadIdx.x)) * 4;
  if (column >= c) return;
  float* out = dx + static_cast<int64_t>(target) * c + column;
  float4 sum = Load4(out);
  for (int begin = first;; begin += kAtOnce) {
    bool goes_here[kAtOnce];
    float4 part[kAtOnce];
#pragma unroll
    for (int j = 0; j < kAtOnce; ++j) {
      const int i = begin + j;
      goes_here[j] = i < count && keys[i] == target;
      if (goes_here[j]) part[j] = Load4(d + static_cast<int64_t>(order[i]) * c + column);
    }
#pragma unroll
    for (int j = 0; j < kAtOnce; ++j) {
      if (goes_here[j]) sum = Add4(sum, part[j]);
    }
    if (!goes_here[kAtOnce - 1]) break;
  }
  Store4(out, sum);
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
  LaunchInChain("GatherRows", {dim3(static_cast<unsigned>(count)), kThreads}, stream,
                GatherRowsKernel<T>, x, rows, c, out);
}

void Embedding(const float* table, const int32_t* tokens, int rows, int c, float* x,
               cudaStream_t stream) {
  GatherRows(table, tokens, rows, c, x, stream);
}

int64_t RowOrderInts(int count) { return 4 * int64_t{count}; }

void ScatterAddRows(const float* d, const int32_t* rows, int count, int c, float* dx,
                    int32_t* order, cudaStream_t stream) {
  if (count == 0) return;
  int32_t *const keys = order, *const from = order + count, *const spare = from + count;
  Launch("ScatterAddRows", {dim3(1), kOrderThreads}, stream, OrderRowsKernel, rows, count, keys,
         from, spare);
  const dim3 grid(static_cast<unsigned>(count), NumBlocks(c, kThreads * 4));
  Launch("ScatterAddRows", {grid, kThreads}, stream, ScatterAddRowsKernel, d, keys, from, count, c,
         dx);
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
