// Policy-gradient losses: pure functions from log-probabilities to a loss and its
// derivative.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "trainer/trainer.h"

namespace agon::trainer {

// Sampled tokens of some trajectories, flattened: trajectory i has the tokens
// [offsets[i], offsets[i + 1]).
struct TokenBatch {
  std::span<const float> logprobs;          // (S) by the current weights
  std::span<const float> rollout_logprobs;  // (S) by the sampler
  std::span<const float> ref_logprobs;      // (S) by the reference; with KL in the loss
  std::span<const float> advantages;        // (S)
  std::span<const uint8_t> mask;            // (S) 1: the token is in the loss
  std::span<const int32_t> offsets;         // (trajectories + 1)
};

// What sums are divided by, counted with the same mask over the global batch of an
// optimizer step, so that cutting it into micro-batches changes nothing.
struct LossNormalizer {
  double num_tokens = 0;        // with mask 1
  double num_trajectories = 0;  // with at least one such token
};

// Sums over tokens with mask 1; add those of micro-batches.
struct LossStats {
  double loss = 0;  // already divided by the normalizer
  double num_tokens = 0;
  double num_clipped = 0;       // tokens whose ratio stopped the gradient
  double ratio_max = 0;         // largest importance ratio (of a sequence for gspo)
  double logprob_diff_max = 0;  // |current - sampler|

  void Add(const LossStats& other);
};

// With rho = exp(logprob - rollout_logprob), A the advantage, N tokens, M trajectories:
//   kGrpo       -1/M sum_i 1/|o_i| sum_t min(rho A, clip(rho, 1 - low, 1 + high) A)
//   kDapo       -1/N sum_t min(rho A, clip(rho, 1 - low, 1 + high) A)
//   kGspo       -1/M sum_i min(s A, clip(s, ...) A), s = exp(mean_t log rho)
//   kCispo      -1/N sum_t stop_gradient(min(rho, clip_high)) A logprob
//   kReinforce  -1/N sum_t A logprob
// plus kl_coef/N sum_t kl (KL in the loss): k1 = logprob - ref, k2 = (logprob - ref)^2 / 2,
// k3 = exp(ref - logprob) - (ref - logprob) - 1.
// Writes dloss/dlogprob (S); tokens with mask 0 get exactly 0.
// Sources: GRPO arXiv 2402.03300, DAPO 2503.14476, GSPO 2507.18071, CISPO 2506.13585.
LossStats PolicyLoss(const TokenBatch& batch, const LossConfig& config,
                     const LossNormalizer& normalizer, std::span<float> dlogprobs);

// Whether KL to the reference is charged, and there.
bool ChargesKl(const LossConfig& config, KlPlace place);

// KL estimate of one token from its log-probabilities under the policy and the reference.
double KlEstimate(KlEstimator kind, double logprob, double ref_logprob);

}  // namespace agon::trainer
