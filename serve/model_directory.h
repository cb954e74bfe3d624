// A model directory: the weights and the tokenizer that belong together.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "datasets/tokenizer.h"
#include "policy/policy.h"

namespace agon::serve {

struct ModelDirectory {
  std::unique_ptr<policy::Policy> policy;
  datasets::Tokenizer tokenizer;
  // It was made for conversations: the tokenizer has ChatML's tokens and the directory a chat
  // template. A base model has none.
  bool is_chat_model = false;
};

// Loads both. Throws what Policy::Load and Tokenizer::Load throw, and kCorrupt if the
// tokenizer has ids that the model has no row for, or tokenizer_config.json is no JSON.
ModelDirectory LoadModelDirectory(const std::filesystem::path& dir,
                                  const policy::Device& device = {},
                                  const std::optional<policy::Workload>& workload = std::nullopt);

// Of the `model` in `dir`, which may have spare rows (a padded vocabulary), never too few: throws
// kCorrupt, and what Tokenizer::Load throws.
datasets::Tokenizer LoadTokenizerOf(const std::filesystem::path& dir,
                                    const policy::ModelConfig& model);

// Of weights, configuration and tokenizer, 16 hexadecimal digits: equal for equal bytes wherever
// the directory stands. Reads all of it. Throws kNotFound or kIo.
std::string HashModelDirectory(const std::filesystem::path& dir);

// The hash and the arithmetic on `device`: "0123456789abcdef-bf16". Equal for what computes equal
// bits, so that caches go by it.
std::string ModelIdentity(const std::filesystem::path& dir, const policy::Device& device = {});

}  // namespace agon::serve
