// What happens to weights and gradients once per step: gains unfolded, the norm, AdamW, each for
// all tensors at once. Sums go over chunks of fixed size. Bound: HBM.
#include <algorithm>
#include <cmath>

#include "policy/cuda/device.h"
#include "policy/cuda/jobs.h"
#include "policy/cuda/kernels.h"
#include "policy/cuda/launch.h"

namespace agon::policy::cuda {
namespace {

constexpr int kThreads = 256;
// A block of UnfoldGainKernel: this many rows of 32 columns, a lane for each column.
constexpr int kUnfoldRows = 128;

struct Unfolding {
  FoldedGain gain;
  float* partials;
};

__global__ void UnfoldGainsKernel(const __grid_constant__ Jobs<Unfolding> jobs, int c) {
  const auto [job, block] = jobs.Find(blockIdx.x);
  const FoldedGain& fold = job.gain;
  const int strips = (c + kWarp - 1) / kWarp;
  const int part = static_cast<int>(block) / strips, strip = static_cast<int>(block) % strips;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int column = strip * kWarp + lane;
  const int first = part * kUnfoldRows;
  float sum = 0.0f;
  if (column < c) {
    const float g = fold.gain[column];
    const int end = first + kUnfoldRows < fold.rows ? first + kUnfoldRows : fold.rows;
    for (int row = first + warp; row < end; row += kThreads / kWarp) {
      const int64_t at = static_cast<int64_t>(row) * c + column;
      const float d = fold.folded[at];
      sum = fmaf(d, fold.weight[at], sum);
      fold.dweight[at] = fold.adds ? fmaf(d, g, fold.dweight[at]) : d * g;
    }
  }
  __shared__ SharedArray<float, kThreads> sums;
  sums[threadIdx.x] = sum;
  __syncthreads();
  if (warp != 0 || column >= c) return;
  for (int w = 1; w < kThreads / kWarp; ++w) sum += static_cast<float>(sums[w * kWarp + lane]);
  job.partials[static_cast<int64_t>(part) * c + column] = sum;
}

__global__ void AddPartsKernel(const __grid_constant__ Jobs<Unfolding> jobs, int c) {
  const auto [job, block] = jobs.Find(blockIdx.x);
  const int column = static_cast<int>(block) * kThreads + static_cast<int>(threadIdx.x);
  if (column >= c) return;
  const int parts = (job.gain.rows + kUnfoldRows - 1) / kUnfoldRows;
  float sum = 0.0f;
  for (int i = 0; i < parts; ++i) sum += job.partials[static_cast<int64_t>(i) * c + column];
  job.gain.dgain[column] += sum;
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
  float scale, beta1, beta2, rest1, rest2, step, inv_correction2, epsilon;

  __device__ void Update(float keep, float& w, float& g, float& m, float& v) const {
    const float gradient = g * scale;
    m = fmaf(beta1, m, rest1 * gradient);
    v = fmaf(beta2, v, rest2 * gradient * gradient);
    w = keep * w - step * m / fmaf(sqrtf(v), inv_correction2, epsilon);
    g = 0.0f;
  }
};

// Elements that are decayed alike: `keep` of each weight is left. As small as can be, so that a
// launch takes many.
struct Range {
  int64_t begin;
  uint32_t count;
  float keep;
};

__global__ void AdamWKernel(const __grid_constant__ Jobs<Range> ranges, float* w, float* g,
                            float* m, float* v, AdamWRule rule) {
  const auto [range, block] = ranges.Find(blockIdx.x);
  const int64_t end = range.begin + range.count;
  const int64_t i = range.begin + (static_cast<int64_t>(block) * kThreads + threadIdx.x) * 4;
  const float keep = range.keep;
  if (i + 4 <= end) {
    float4 w4 = Load4(w + i), g4 = Load4(g + i), m4 = Load4(m + i), v4 = Load4(v + i);
    rule.Update(keep, w4.x, g4.x, m4.x, v4.x);
    rule.Update(keep, w4.y, g4.y, m4.y, v4.y);
    rule.Update(keep, w4.z, g4.z, m4.z, v4.z);
    rule.Update(keep, w4.w, g4.w, m4.w, v4.w);
    Store4(w + i, w4);
    Store4(g + i, g4);
    Store4(m + i, m4);
    Store4(v + i, v4);
  } else {
    for (int64_t j = i; j < end; ++j) rule.Update(keep, w[j], g[j], m[j], v[j]);
  }
}

// In pieces that Range can count.
std::vector<Range> RangesOf(std::span<const Backend::AdamWRange> ranges, float learning_rate) {
  constexpr int64_t kMost = int64_t{1} << 30;
  std::vector<Range> pieces;
  for (const auto& [begin, count, weight_decay] : ranges) {
    for (int64_t at = 0; at < count; at += kMost) {
      pieces.push_back({begin + at, static_cast<uint32_t>(std::min(kMost, count - at)),
                        1.0f - learning_rate * weight_decay});
    }
  }
  return pieces;
}

float BiasCorrection(float beta, int64_t step) {
  return static_cast<float>(1.0 - std::pow(static_cast<double>(beta), static_cast<double>(step)));
}

}  // namespace

int64_t UnfoldGainPartials(int rows, int c) {
  return static_cast<int64_t>(NumBlocks(rows, kUnfoldRows)) * c;
}

void UnfoldGains(std::span<const FoldedGain> gains, int c, float* partials, cudaStream_t stream) {
  std::vector<Unfolding> jobs;
  for (const FoldedGain& gain : gains) {
    jobs.push_back({gain, partials});
    partials += UnfoldGainPartials(gain.rows, c);
  }
  const std::span<const Unfolding> all = jobs;
  const auto blocks = [c](const Unfolding& job) {
    return NumBlocks(job.gain.rows, kUnfoldRows) * NumBlocks(c, kWarp);
  };
  LaunchJobs("UnfoldGains", all, blocks, kThreads, stream, UnfoldGainsKernel, c);
  const auto blocks_of_sums = [c](const Unfolding&) { return NumBlocks(c, kThreads); };
  LaunchJobs("UnfoldGains", all, blocks_of_sums, kThreads, stream, AddPartsKernel, c);
}

void SumsOfSquares(const float* x, int64_t count, double* sums, cudaStream_t stream) {
  Launch("SumsOfSquares", {dim3(NumBlocks(count, kSquaresPerSum)), kThreads}, stream,
         SumsOfSquaresKernel, x, count, sums);
}

void StepAdamW(float* w, float* g, float* m, float* v, std::span<const Backend::AdamWRange> ranges,
               const Backend::AdamW& s, cudaStream_t stream) {
  const AdamWRule rule{.scale = s.grad_scale,
                       .beta1 = s.beta1,
                       .beta2 = s.beta2,
                       .rest1 = 1.0f - s.beta1,
                       .rest2 = 1.0f - s.beta2,
                       .step = s.learning_rate / BiasCorrection(s.beta1, s.step),
                       .inv_correction2 = 1.0f / sqrtf(BiasCorrection(s.beta2, s.step)),
                       .epsilon = s.epsilon};
  const std::vector<Range> pieces = RangesOf(ranges, s.learning_rate);
  const auto blocks = [](const Range& range) { return NumBlocks(range.count, kThreads * 4); };
  LaunchJobs("AdamW", std::span<const Range>(pieces), blocks, kThreads, stream, AdamWKernel, w, g,
             m, v, rule);
}

}  // namespace agon::policy::cuda
