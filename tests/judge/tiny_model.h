// A real policy small enough for tests, over byte tokens.
#pragma once

#include <memory>

#include "tests/judge/scripted_policy.h"

namespace agon::judge {

inline std::unique_ptr<policy::Policy> TinyPolicy(const datasets::Tokenizer& tokenizer,
                                                  uint64_t seed, int max_positions = 256) {
  auto config = policy::PresetConfig("nano", tokenizer.vocab_size(), max_positions);
  config.num_layers = 1;
  return policy::Policy::Create(config, policy::ComputeType::kFloat32, seed);
}

}  // namespace agon::judge
