// A small random policy and batches for tests.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "policy/policy.h"

namespace agon::policy {

inline ModelConfig TinyConfig() {
  ModelConfig c;
  c.vocab_size = 75;  // no multiple of 16: the padding must not matter
  c.hidden_size = 64;
  c.num_layers = 2;
  c.num_heads = 4;
  c.num_kv_heads = 2;
  c.head_dim = 32;
  c.intermediate_size = 96;
  c.max_positions = 160;
  return c;
}

// The smallest model that every part takes, for tests where only its being there matters.
inline ModelConfig SmallestConfig(int vocab_size, int max_positions) {
  ModelConfig c;
  c.vocab_size = vocab_size;
  c.hidden_size = 32;
  c.num_layers = 1;
  c.num_heads = 2;
  c.num_kv_heads = 1;
  c.head_dim = 32;
  c.intermediate_size = 32;
  c.max_positions = max_positions;
  return c;
}

// Weights large enough that attention is far from uniform and gains matter.
inline std::unique_ptr<Policy> TinyPolicy(ComputeType compute, uint64_t seed = 7,
                                          const Device& device = {},
                                          const ModelConfig& config = TinyConfig(),
                                          const std::optional<Workload>& workload = {}) {
  auto policy = Policy::Create(config, compute, seed, device, workload);
  Rng rng({.run_seed = seed, .stream = RngStream::kTest});
  for (const std::string& name : policy->TensorNames()) {
    const bool is_gain = name.find("norm") != std::string::npos;
    for (float& w : policy->Weight(name)) {
      w = is_gain ? static_cast<float>(0.8 + 0.4 * rng.Uniform())
                  : static_cast<float>(0.15 * rng.Normal());
    }
  }
  policy->WeightsChanged();
  return policy;
}

// Makes the gradient of this layer's up projection too large for a float, and none that the
// backward pass comes to before it: nothing of the forward pass shows it.
inline void OverflowGradientOf(int layer, Policy& policy) {
  const std::string mlp = "model.layers." + std::to_string(layer) + ".mlp.";
  for (float& w : policy.Weight(mlp + "up_proj.weight")) w = 0.0f;
  for (float& w : policy.Weight(mlp + "down_proj.weight")) w = 1e38f;
  for (float& w : policy.Weight("model.norm.weight")) w *= 1e4f;
  policy.WeightsChanged();
}

inline std::vector<int32_t> RandomTokens(Rng& rng, int count, int vocab_size) {
  std::vector<int32_t> tokens(static_cast<size_t>(count));
  for (int32_t& t : tokens) t = static_cast<int32_t>(rng.Below(static_cast<uint64_t>(vocab_size)));
  return tokens;
}

// Appends a sequence whose tokens after the first `num_prompt` are scored.
inline void AppendSequence(const std::vector<int32_t>& tokens, int num_prompt, PackedBatch& batch) {
  const int begin = static_cast<int>(batch.tokens.size());
  const int length = static_cast<int>(tokens.size());
  batch.tokens.insert(batch.tokens.end(), tokens.begin(), tokens.end());
  batch.segments.push_back({begin, length, 0, 0});
  for (int i = num_prompt; i < length; ++i) {
    batch.rows.push_back(begin + i - 1);
    batch.targets.push_back(tokens[static_cast<size_t>(i)]);
  }
}

// Appends a prompt stored once and its completions, all of whose tokens are scored.
inline void AppendGroup(const std::vector<int32_t>& prompt,
                        const std::vector<std::vector<int32_t>>& completions, PackedBatch& batch) {
  const int begin = static_cast<int>(batch.tokens.size());
  const int prefix = static_cast<int>(prompt.size());
  batch.tokens.insert(batch.tokens.end(), prompt.begin(), prompt.end());
  batch.segments.push_back({begin, prefix, 0, 0});
  for (const auto& completion : completions) {
    const int at = static_cast<int>(batch.tokens.size());
    batch.tokens.insert(batch.tokens.end(), completion.begin(), completion.end());
    batch.segments.push_back({at, static_cast<int>(completion.size()), begin, prefix});
    for (int i = 0; i < static_cast<int>(completion.size()); ++i) {
      batch.rows.push_back(i == 0 ? begin + prefix - 1 : at + i - 1);
      batch.targets.push_back(completion[static_cast<size_t>(i)]);
    }
  }
}

}  // namespace agon::policy
