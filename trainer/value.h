// What a value model adds to policy gradients: advantages of single tokens, and its own loss.
#pragma once

#include <cstdint>
#include <span>

namespace agon::trainer {

struct GaeConfig {
  float gamma = 1.0f;
  float lambda = 0.95f;
};

// Generalised advantage estimation over the sampled tokens of one episode that ended there
// (Schulman et al. 2015, arXiv 1506.02438):
//   delta_t = r_t + gamma V_{t+1} - V_t, A_t = delta_t + gamma lambda A_{t+1},
// V and A after the last token 0. returns_t = A_t + V_t is what the value model learns.
// All spans are (T).
void ComputeGae(std::span<const double> rewards, std::span<const float> values,
                const GaeConfig& config, std::span<double> advantages, std::span<double> returns);

// Shifts and scales to mean 0 and deviation 1 (over n, plus 1e-8) where the mask is 1; 0 elsewhere.
void Whiten(std::span<double> advantages, std::span<const uint8_t> mask);

struct ValueStats {
  double loss = 0;         // already divided by the normalizer
  double num_tokens = 0;   // with mask 1
  double num_clipped = 0;  // tokens whose change stopped the gradient
  double return_sum = 0, return_squares = 0;
  double error_squares = 0;  // of the unclipped values

  void Add(const ValueStats& other);
  // 1 - Var(error) / Var(return), with the error's mean taken as 0: how much of the returns the
  // values know.
  double ExplainedVariance() const;
};

// PPO's clipped value loss over tokens with mask 1, divided by `normalizer` (their number):
//   1/2 sum_t max((v - R)^2, (clip(v, v_old - clip, v_old + clip) - R)^2).
// clip 0: no clipping. Writes dloss/dv (S); tokens with mask 0 get exactly 0. As in OpenAI's
// baselines and TRL's PPOTrainer.
ValueStats ValueLoss(std::span<const float> values, std::span<const float> old_values,
                     std::span<const double> returns, std::span<const uint8_t> mask, double clip,
                     double normalizer, std::span<float> dvalues);

}  // namespace agon::trainer
