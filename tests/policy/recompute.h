// What a policy learns from several kinds of batches, to compare two ways of keeping activations.
#pragma once

#include <string>
#include <vector>

#include "tests/policy/tiny_policy.h"

namespace agon::policy {

inline const Workload kRecomputes{.recompute = Recompute::kLayer};

inline ModelConfig ThreeLayers(ModelConfig config) {
  config.num_layers = 3;  // a first, a middle and a last one
  return config;
}

// A prompt whose copies two completions share, and a sequence of its own.
inline PackedBatch SharedAndAlone(int vocab_size) {
  Rng rng({.run_seed = 15, .stream = RngStream::kTest});
  const auto tokens = [&](int count) { return RandomTokens(rng, count, vocab_size); };
  PackedBatch batch;
  AppendGroup(tokens(7), {tokens(4), tokens(5)}, batch);
  AppendSequence(tokens(9), 4, batch);
  batch.temperature = 0.9f;
  return batch;
}

// Scores, gradients and the weights after a step: of pretraining's and SFT's loss in one pass, of
// RL's in two, with another scoring in between, and of a score head.
inline std::vector<std::vector<float>> Learned(Policy& policy) {
  std::vector<std::vector<float>> all;
  const auto keep_gradients = [&] {
    for (const std::string& name : policy.TensorNames()) {
      const auto gradient = policy.Gradient(name);
      all.emplace_back(gradient.begin(), gradient.end());
    }
    policy.AddShard(/*is_last=*/false);
  };
  policy.ConfigureOptimizer({});
  const PackedBatch batch = SharedAndAlone(policy.config().vocab_size);
  const std::vector<float> derivatives(batch.rows.size(), -0.1f);
  for (int micro_batch = 0; micro_batch < 2; ++micro_batch) {
    all.push_back(policy.ScoreAndBackward(batch, derivatives).logprobs);
  }
  keep_gradients();
  const TokenScores scores = policy.Score(batch);
  all.push_back(scores.entropies);
  policy.Backward(scores.logprobs);
  policy.Backward(derivatives);  // of the same scores
  keep_gradients();
  all.push_back(policy.ScoreOnly(batch).logprobs);
  if (policy.config().has_score_head) {
    all.push_back(policy.Values(batch));
    policy.BackwardValues(derivatives);
    keep_gradients();
  }
  policy.AddShard(/*is_last=*/true);
  policy.OptimizerStep(1e-2f);
  for (const std::string& name : policy.TensorNames()) {
    const auto weight = policy.Weight(name);
    all.emplace_back(weight.begin(), weight.end());
  }
  return all;
}

inline int64_t BytesFor(const std::string& purpose, const std::vector<MemoryUse>& uses) {
  for (const MemoryUse& use : uses) {
    if (use.purpose == purpose) return use.bytes;
  }
  return 0;
}

}  // namespace agon::policy
