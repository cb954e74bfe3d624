// The softmax over a vocabulary that scoring and sampling share, so that their
// log-probabilities are equal bits. One block of kVocabularyThreads for each row.
#pragma once

#include <cmath>

#include "policy/cuda/device.h"

namespace agon::policy::cuda {

inline constexpr int kVocabularyThreads = 256;

// A row of logits (stride, a multiple of 4), v of them valid. With x = logit inverse_temperature,
// p = exp(x - max) / sum and log p = (x - max) - log_sum.
struct VocabularyRow {
  const float* logits;
  int v;
  float inverse_temperature;
  float max, sum, log_sum, entropy;

  // exp(x - max) of token i: p without its normalisation.
  __device__ float Weight(int i) const { return WeightOf(logits[i]); }
  __device__ float WeightOf(float logit) const { return expf(logit * inverse_temperature - max); }
  __device__ float LogProb(int i) const {
    return (logits[i] * inverse_temperature - max) - log_sum;
  }
};

// Four neighbours of the row as an array, -infinity beyond v.
struct Quad {
  float x[4];

  __device__ Quad(const float* logits, int i, int v) {
    const float4 loaded = Load4(logits + i);
    const float values[4] = {loaded.x, loaded.y, loaded.z, loaded.w};
    for (int k = 0; k < 4; ++k) x[k] = i + k < v ? values[k] : -INFINITY;
  }
};

// One pass over the logits: every thread keeps the maximum so far and sums relative to it,
// rescaled when it grows (Milakov & Gimelshein 2018).
__device__ inline VocabularyRow Softmax(const float* logits, int v, float inverse_temperature) {
  float max = -INFINITY, sum = 0.0f, weighted = 0.0f;  // weighted: of exp(x - max) (x - max)
  for (int i = static_cast<int>(threadIdx.x) * 4; i < v; i += kVocabularyThreads * 4) {
    const Quad quad(logits, i, v);
    float most = max;
    for (float x : quad.x) most = fmaxf(most, x * inverse_temperature);
    if (most > max) {
      if (sum > 0.0f) {
        const float shift = max - most, scale = expf(shift);
        weighted = scale * fmaf(sum, shift, weighted);
        sum *= scale;
      }
      max = most;
    }
    for (int k = 0; k < 4 && i + k < v; ++k) {
      const float x = quad.x[k] * inverse_temperature - max, p = expf(x);
      sum += p;
      weighted = fmaf(p, x, weighted);
    }
  }
  VocabularyRow row{logits, v, inverse_temperature, BlockMax(max), 0.0f, 0.0f, 0.0f};
  if (sum > 0.0f) {
    const float shift = max - row.max, scale = expf(shift);
    weighted = scale * fmaf(sum, shift, weighted);
    sum *= scale;
  }
  row.sum = BlockSum(sum);
  row.log_sum = logf(row.sum);
  row.entropy = row.log_sum - BlockSum(weighted) / row.sum;
  return row;
}

}  // namespace agon::policy::cuda
