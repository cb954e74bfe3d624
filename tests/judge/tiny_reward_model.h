// A directory of a random reward model over byte tokens.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/judge/scripted_policy.h"
#include "tests/policy/tiny_policy.h"

namespace agon::judge {

inline std::filesystem::path WriteTinyRewardModel(const std::string& name, uint64_t seed,
                                                  bool has_score_head = true) {
  const std::filesystem::path dir = std::filesystem::path(testing::TempDir()) / name;
  std::filesystem::create_directories(dir);
  const auto tokenizer = ByteTokenizer();
  policy::ModelConfig config = policy::TinyConfig();
  config.vocab_size = tokenizer.vocab_size();
  config.has_score_head = has_score_head;
  policy::TinyPolicy(policy::ComputeType::kFloat32, seed, {}, config)->Save(dir);
  datasets::ChatTemplate(tokenizer).Save(dir);
  return dir;
}

}  // namespace agon::judge
