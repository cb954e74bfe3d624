// What happens to weights and gradients once per step: gains unfolded, the norm, AdamW.
// Sums go over chunks of fixed size. Bound: HBM.
#include "policy/cuda/device.h"
#include "policy/cuda/kernels.h"
#include "policy/cuda/launch.h"

namespace agon::policy::cuda {
namespace {

constexpr int kThreads = 256;
// A block of UnfoldGainKernel: this many rows of 32 columns, a lane for each column.
constexpr int kUnfoldRows = 128;

__global__ void UnfoldGainKernel(const float* folded, const float* weight, const float* gain,
                                 int rows, int c, bool add, float* dweight, float* partials) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int column = static_cast<int>(blockIdx.x) * kWarp + lane;
  const int first = static_cast<int>(blockIdx.y) * kUnfoldRows;
  float sum = 0.0f;
  if (column < c) {
    const float g = gain[column];
    const int end = first + kUnfoldRows < rows ? first + kUnfoldRows : rows;
    for (int row = first + warp; row < end; row += kThreads / kWarp) {
      const int64_t at = static_cast<int64_t>(row) * c + column;
      const float d = folded[at];
      sum = fmaf(d, weight[at], sum);
      dweight[at] = add ? fmaf(d, g, dweight[at]) : d * g;
    }
  }
  __shared__ SharedArray<float, kThreads> sums;
  sums[threadIdx.x] = sum;
  __syncthreads();
  if (warp != 0 || column >= c) return;
  for (int w = 1; w < kThreads / kWarp; ++w) sum += static_cast<float>(sums[w * kWarp + lane]);
  partials[static_cast<int64_t>(blockIdx.y) * c + column] = sum;
}

__global__ void AddRowsKernel(const float* partials, int num_rows, int c, float* sums) {
  const int column = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  if (column >= c) return;
  float sum = 0.0f;
  for (int row = 0; row < num_rows; ++row) sum += partials[static_cast<int64_t>(row) * c + column];
  sums[column] += sum;
}

__global__ void SumsOfSquaresKernel(const float* x, int64_t count, double* sums) {
  const int64_t begin = static_cast<int64_t>(blockIdx.x) * kSquaresPerSum;
  const int64_t end = begin + kSquaresPerSum < count ? begin + kSquaresPerSum : count;
  double sum = 0.0;
  for (int64_t i = begin + static_cast<int64_t>(threadIdx.x); i < end; i += kThreads) {
    sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  }
  sum = BlockSum(sum);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// Decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2) for one weight.
struct AdamWRule {
  float scale, beta1, beta2, rest1, rest2, step, inv_correction2, keep, epsilon;

  __device__ void Update(float& w, float& g, float& m, float& v) const {
    const float gradient = g * scale;
    m = fmaf(beta1, m, rest1 * gradient);
    v = fmaf(beta2, v, rest2 * gradient * gradient);
    w = keep * w - step * m / fmaf(sqrtf(v), inv_correction2, epsilon);
    g = 0.0f;
  }
};

__global__ void AdamWKernel(float* w, float* g, float* m, float* v, int64_t count, AdamWRule rule) {
  const int64_t i = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) * 4;
  if (i + 4 <= count) {
    float4 w4 = Load4(w + i), g4 = Load4(g + i), m4 = Load4(m + i), v4 = Load4(v + i);
    rule.Update(w4.x, g4.x, m4.x, v4.x);
    rule.Update(w4.y, g4.y, m4.y, v4.y);
    rule.Update(w4.z, g4.z, m4.z, v4.z);
    rule.Update(w4.w, g4.w, m4.w, v4.w);
    Store4(w + i, w4);
    Store4(g + i, g4);
    Store4(m + i, m4);
    Store4(v + i, v4);
  } else {
    for (int64_t j = i; j < count; ++j) rule.Update(w[j], g[j], m[j], v[j]);
  }
}

}  // namespace

int64_t UnfoldGainPartials(int rows, int c) {
  return static_cast<int64_t>(NumBlocks(rows, kUnfoldRows)) * c;
}

void UnfoldGain(const float* folded, const float* weight, const float* gain, int rows, int c,
                bool add, float* dweight, float* dgain, float* partials, cudaStream_t stream) {
  const dim3 grid(NumBlocks(c, kWarp), NumBlocks(rows, kUnfoldRows));
  Launch("UnfoldGain", {grid, kThreads}, stream, UnfoldGainKernel, folded, weight, gain, rows, c,
         add, dweight, partials);
  Launch("UnfoldGain", {dim3(NumBlocks(c, kThreads)), kThreads}, stream, AddRowsKernel, partials,
         static_cast<int>(grid.y), c, dgain);
}

void SumsOfSquares(const float* x, int64_t count, double* sums, cudaStream_t stream) {
  Launch("SumsOfSquares", {dim3(NumBlocks(count, kSquaresPerSum)), kThreads}, stream,
         SumsOfSquaresKernel, x, count, sums);
}

void StepAdamW(float* w, float* g, float* m, float* v, int64_t count, const AdamWStep& s,
               cudaStream_t stream) {
  const AdamWRule rule{.scale = s.grad_scale,
                       .beta1 = s.beta1,
                       .beta2 = s.beta2,
                       .rest1 = 1.0f - s.beta1,
                       .rest2 = 1.0f - s.beta2,
                       .step = s.learning_rate / s.bias_correction1,
                       .inv_correction2 = 1.0f / sqrtf(s.bias_correction2),
                       .keep = 1.0f - s.learning_rate * s.weight_decay,
                       .epsilon = s.epsilon};
  Launch("AdamW", {dim3(NumBlocks(count, kThreads * 4)), kThreads}, stream, AdamWKernel, w, g, m, v,
         count, rule);
}

}  // namespace agon::policy::cuda
