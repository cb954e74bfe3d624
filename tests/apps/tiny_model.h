// A model directory that commands load at once: random weights over byte tokens.
#pragma once

#include <filesystem>

#include "datasets/chat.h"
#include "datasets/tokenizer.h"
#include "policy/policy.h"
#include "tests/policy/tiny_policy.h"

namespace agon {

// Writes it into `dir`, which is made. It has chat tokens and no chat template.
inline void SaveTinyModel(const std::filesystem::path& dir, uint64_t seed = 1) {
  std::filesystem::create_directories(dir);
  const auto tokenizer = datasets::Tokenizer::FromMerges({}, datasets::ChatSpecialTokens());
  tokenizer.Save(dir / "tokenizer.json");
  const policy::ModelConfig config = policy::SmallestConfig(tokenizer.vocab_size(), 512);
  policy::Policy::Create(config, policy::ComputeType::kFloat32, seed)->Save(dir);
}

}  // namespace agon
