// A model directory that commands load at once: random weights over byte tokens.
#pragma once

#include <filesystem>

#include "datasets/chat.h"
#include "datasets/tokenizer.h"
#include "policy/policy.h"

namespace agon {

// Writes it into `dir`, which is made. It has chat tokens and no chat template.
inline void SaveTinyModel(const std::filesystem::path& dir) {
  std::filesystem::create_directories(dir);
  const auto tokenizer = datasets::Tokenizer::FromMerges({}, datasets::ChatSpecialTokens());
  tokenizer.Save(dir / "tokenizer.json");
  policy::ModelConfig config;
  config.vocab_size = tokenizer.vocab_size();
  config.hidden_size = 32;
  config.num_layers = 1;
  config.num_heads = 2;
  config.num_kv_heads = 1;
  config.head_dim = 32;
  config.intermediate_size = 32;
  config.max_positions = 512;
  policy::Policy::Create(config, policy::ComputeType::kFloat32, 1)->Save(dir);
}

}  // namespace agon
