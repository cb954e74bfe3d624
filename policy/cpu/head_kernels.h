// The vocabulary: log-probabilities, their gradient, and sampling, one row at a time.
// Scoring and sampling share one softmax, so that their log-probabilities are equal bits.
#pragma once

#include <algorithm>
#include <cmath>

#include "policy/cpu/gemm_kernels.h"
#include "policy/cpu/simd.h"

namespace agon::policy::cpu::AGON_ISA {

// p(i) = weights[i] / sum, log p(i) = (logits[i] * inv_temperature - max) - log_sum.
struct VocabularySoftmax {
  float max, sum, log_sum, entropy;
};

// weights = exp(logits * inv_temperature - max), 0 from v to the next multiple of 16.
// `weights` may be `logits`.
inline VocabularySoftmax Softmax(const float* logits, float* weights, int v,
                                 float inv_temperature) {
  const F32x16 scale = Set1(inv_temperature);
  F32x16 max = Set1(logits[0] * inv_temperature);
  for (int i = 0; i < v; i += 16) {
    const F32x16 x = Load(logits + i) * scale;
    max = Max(max, kLanes + i < v ? x : max);
  }
  const float m = MaxLane(max);
  F32x16 sum = Zero(), weighted = Zero();
  for (int i = 0; i < v; i += 16) {
    const F32x16 x = Load(logits + i) * scale - Set1(m);
    const F32x16 p = kLanes + i < v ? Exp(x) : Zero();
    Store(weights + i, p);
    sum = sum + p;
    weighted = weighted + (kLanes + i < v ? p * x : Zero());
  }
  const float total = Sum(sum);
  const float log_sum = std::log(total);
  return {m, total, log_sum, log_sum - Sum(weighted) / total};
}

template <typename T>
void ScoreRow(float* logits, int v, int64_t stride, float inv_temperature, int32_t target,
              float dlogprob, float* logprob, float* entropy, void* dlogits) {
  const float target_logit = logits[target] * inv_temperature;
  const VocabularySoftmax softmax = Softmax(logits, logits, v, inv_temperature);
  *logprob = (target_logit - softmax.max) - softmax.log_sum;
  *entropy = softmax.entropy;
  if (dlogits == nullptr) return;

  T* out = static_cast<T*>(dlogits);
  const float factor = dlogprob * inv_temperature;
  const F32x16 minus_p = Set1(-factor / softmax.sum);
  for (int64_t i = 0; i < stride; i += 16) {
    Store(out + i, i < v ? Load(logits + i) * minus_p : Zero());
  }
  StoreElement(out + target, factor * (1.0f - logits[target] / softmax.sum));
}

// Keeps the top_k largest weights and then the smallest set whose mass reaches top_p;
// ties keep the lower ids. Zeroes the rest and returns the remaining mass.
inline float Truncate(float* weights, int v, int top_k, float top_p, float sum) {
  int* order = new int[static_cast<size_t>(v)];
  for (int i = 0; i < v; ++i) order[i] = i;
  std::sort(order, order + v, [&](int a, int b) {
    return weights[a] != weights[b] ? weights[a] > weights[b] : a < b;
  });
  const int limit = top_k > 0 && top_k < v ? top_k : v;
  float mass = 0.0f, kept_limit = sum;
  if (top_p < 1.0f) {
    if (limit < v) {
      kept_limit = 0.0f;
      for (int i = 0; i < limit; ++i) kept_limit += weights[order[i]];
    }
    kept_limit *= top_p;
  }
  int kept = 0;
  while (kept < limit && (kept == 0 || top_p >= 1.0f || mass < kept_limit)) {
    mass += weights[order[kept++]];
  }
  for (int i = kept; i < v; ++i) weights[order[i]] = 0.0f;
  delete[] order;
  return mass;
}

// First token whose cumulative weight exceeds `threshold`, walking in id order.
inline int32_t Pick(const float* weights, int v, float threshold) {
  float cumulative = 0.0f;
  int32_t last = 0;
  for (int i = 0; i < v; i += 16) {
    const float block = Sum(kLanes + i < v ? Load(weights + i) : Zero());
    if (cumulative + block > threshold) {
      float within = cumulative;
      for (int j = i; j < i + 16 && j < v; ++j) {
        within += weights[j];
        if (weights[j] > 0.0f) last = j;
        if (within > threshold) return j;
      }
      return last;  // rounding: the block's last possible token
    }
    if (block > 0.0f) {
      for (int j = i; j < i + 16 && j < v; ++j) {
        if (weights[j] > 0.0f) last = j;
      }
    }
    cumulative += block;
  }
  return last;
}

inline int32_t SampleRow(const float* logits, float* weights, int v, float inv_temperature,
                         int top_k, float top_p, float u, float* logprob) {
  const bool greedy = inv_temperature == 0.0f;
  const float scale = greedy ? 1.0f : inv_temperature;
  const VocabularySoftmax softmax = Softmax(logits, weights, v, scale);
  if (std::isnan(softmax.sum)) return *logprob = softmax.sum, 0;  // there is no order to draw by
  int32_t token = 0;
  if (greedy) {
    for (int i = 1; i < v; ++i) {
      if (logits[i] > logits[token]) token = i;
    }
  } else {
    const bool truncated = top_k > 0 || top_p < 1.0f;
    const float mass = truncated ? Truncate(weights, v, top_k, top_p, softmax.sum) : softmax.sum;
    token = Pick(weights, v, u * mass);
  }
  *logprob = (logits[token] * scale - softmax.max) - softmax.log_sum;
  return token;
}

inline void TopRow(const float* logits, float* weights, int v, float inv_temperature, int num_top,
                   int32_t* tokens, float* logprobs) {
  const VocabularySoftmax softmax = Softmax(logits, weights, v, inv_temperature);
  int kept = 0;
  for (int i = 0; i < v; ++i) {
    if (kept == num_top && logits[i] <= logits[tokens[kept - 1]]) continue;
    // Insertion: num_top is small, and few tokens get this far.
    int place = kept < num_top ? kept++ : kept - 1;
    for (; place > 0 && logits[i] > logits[tokens[place - 1]]; --place) {
      tokens[place] = tokens[place - 1];
    }
    tokens[place] = i;
  }
  for (int i = 0; i < kept; ++i) {
    logprobs[i] = (logits[tokens[i]] * inv_temperature - softmax.max) - softmax.log_sum;
  }
}

}  // namespace agon::policy::cpu::AGON_ISA
