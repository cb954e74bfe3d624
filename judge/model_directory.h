// A model directory as evaluation and chat need it: the weights and the tokenizer that
// belong together.
#pragma once

#include <filesystem>
#include <memory>

#include "datasets/tokenizer.h"
#include "policy/policy.h"

namespace agon::judge {

struct ModelDirectory {
  std::unique_ptr<policy::Policy> policy;
  datasets::Tokenizer tokenizer;
};

// Loads both. Throws what Policy::Load and Tokenizer::Load throw, and kCorrupt if the
// tokenizer has ids that the model has no row for.
ModelDirectory LoadModelDirectory(const std::filesystem::path& dir);

}  // namespace agon::judge
