// config.json and generation_config.json of a Hugging Face Qwen3 directory.
// Private to policy.
#pragma once

#include <filesystem>

#include "policy/policy.h"

namespace agon::policy {

void WriteConfig(const std::filesystem::path& dir, const ModelConfig& config);

// Throws kNotFound, kCorrupt (names the field) or kUnsupported (another architecture, an
// untied head, rotary scaling).
ModelConfig ReadConfig(const std::filesystem::path& dir);

}  // namespace agon::policy
