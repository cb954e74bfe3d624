// A small random model over byte tokens, loaded as rl-serve does.
#pragma once

#include <memory>
#include <utility>

#include "serve/local_model.h"
#include "tests/policy/tiny_policy.h"

namespace agon::serve {

inline policy::ModelConfig TinyByteConfig() {
  policy::ModelConfig config = policy::TinyConfig();
  config.vocab_size = 265;  // 256 bytes and the chat tokens
  config.max_positions = 160;
  return config;
}

// Its weights are large: it says something else for every prompt.
inline std::unique_ptr<policy::Policy> TinyBytePolicy() {
  auto policy = policy::Policy::Create(TinyByteConfig(), policy::ComputeType::kFloat32, 7);
  Rng rng({.run_seed = 7, .stream = RngStream::kTest});
  for (const std::string& name : policy->TensorNames()) {
    if (name.find("norm") != std::string::npos) continue;
    for (float& w : policy->Weight(name)) w = static_cast<float>(0.15 * rng.Normal());
  }
  policy->WeightsChanged();
  return policy;
}

inline std::shared_ptr<LocalModel> TinyModel(EngineOptions options = {}) {
  return std::make_shared<LocalModel>(
      TinyBytePolicy(), datasets::Tokenizer::FromMerges({}, datasets::ChatSpecialTokens()), "tiny",
      std::move(options));
}

}  // namespace agon::serve
