// Presets and the arithmetic of a model's size.
#include <algorithm>
#include <array>

#include "core/error.h"
#include "policy/policy.h"

namespace agon::policy {
namespace {

struct Preset {
  std::string_view name;
  int hidden_size, num_layers, num_heads, num_kv_heads, head_dim, intermediate_size;
};

constexpr std::array kPresets = {
    Preset{"pico", 64, 2, 2, 1, 32, 128},      Preset{"nano", 128, 4, 4, 2, 32, 384},
    Preset{"micro", 256, 6, 4, 2, 64, 768},    Preset{"mini", 512, 8, 8, 4, 64, 1536},
    Preset{"small", 768, 12, 12, 4, 64, 2304}, Preset{"base", 1280, 24, 20, 4, 64, 3840},
};

}  // namespace

int64_t ModelConfig::NumParameters() const {
  const int64_t c = hidden_size, d = head_dim;
  const int64_t attention = (num_heads + 2 * num_kv_heads) * d * c + c * num_heads * d + 2 * d;
  const int64_t layer = attention + 3 * c * intermediate_size + 2 * c;
  return vocab_size * c + num_layers * layer + c + (has_score_head ? c : 0);
}

double ModelConfig::TrainFlopPerToken(double context_tokens) const {
  return 6.0 * static_cast<double>(NumParameters()) +
         6.0 * num_layers * num_heads * head_dim * context_tokens;
}

ModelConfig PresetConfig(std::string_view preset, int vocab_size, int max_positions) {
  for (const Preset& p : kPresets) {
    if (p.name != preset) continue;
    ModelConfig config;
    config.vocab_size = vocab_size;
    config.hidden_size = p.hidden_size;
    config.num_layers = p.num_layers;
    config.num_heads = p.num_heads;
    config.num_kv_heads = p.num_kv_heads;
    config.head_dim = p.head_dim;
    config.intermediate_size = p.intermediate_size;
    config.max_positions = max_positions;
    return config;
  }
  throw Error(
      ErrorKind::kUsage, "no model preset \"" + std::string(preset) + "\"", "model.preset",
      "choose pico (0.1 M parameters), nano (1 M), micro (6 M), mini (30 M), small (124 M) or "
      "base (0.5 B)");
}

}  // namespace agon::policy
