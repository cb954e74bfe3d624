#include "policy/weights.h"

#include <algorithm>
#include <cmath>

#include "core/rng.h"

namespace agon::policy {

WeightLayout::WeightLayout(const ModelConfig& c) {
  const int64_t width = c.hidden_size, d = c.head_dim;
  embedding_ = Add("model.embed_tokens.weight", {c.vocab_size, width});
  for (int i = 0; i < c.num_layers; ++i) {
    const std::string prefix = "model.layers." + std::to_string(i) + ".";
    LayerOffsets layer{};
    layer.input_norm = Add(prefix + "input_layernorm.weight", {width});
    layer.qkv = Add(prefix + "self_attn.q_proj.weight", {c.num_heads * d, width});
    Add(prefix + "self_attn.k_proj.weight", {c.num_kv_heads * d, width});
    Add(prefix + "self_attn.v_proj.weight", {c.num_kv_heads * d, width});
    layer.q_norm = Add(prefix + "self_attn.q_norm.weight", {d});
    layer.k_norm = Add(prefix + "self_attn.k_norm.weight", {d});
    layer.o = Add(prefix + "self_attn.o_proj.weight", {width, c.num_heads * d});
    layer.post_norm = Add(prefix + "post_attention_layernorm.weight", {width});
    layer.gate_up = Add(prefix + "mlp.gate_proj.weight", {c.intermediate_size, width});
    Add(prefix + "mlp.up_proj.weight", {c.intermediate_size, width});
    layer.down = Add(prefix + "mlp.down_proj.weight", {width, c.intermediate_size});
    layers_.push_back(layer);
  }
  final_norm_ = Add("model.norm.weight", {width});
  if (c.has_score_head) score_ = Add("score.weight", {1, width});
}

int64_t WeightLayout::Add(std::string name, std::vector<int64_t> shape) {
  int64_t size = 1;
  for (int64_t extent : shape) size *= extent;
  const int64_t offset = size_;
  tensors_.push_back({std::move(name), std::move(shape), offset, size});
  size_ += size;
  return offset;
}

const TensorSpec* WeightLayout::Find(std::string_view name) const {
  const auto it = std::find_if(tensors_.begin(), tensors_.end(),
                               [&](const TensorSpec& t) { return t.name == name; });
  return it == tensors_.end() ? nullptr : &*it;
}

void InitialiseWeights(const ModelConfig& config, const WeightLayout& layout, uint64_t seed,
                       std::span<float> weights) {
  const double output_scale = 1.0 / std::sqrt(2.0 * config.num_layers);
  for (const TensorSpec& tensor : layout.tensors()) {
    const auto values =
        weights.subspan(static_cast<size_t>(tensor.offset), static_cast<size_t>(tensor.size));
    if (tensor.offset == layout.score()) {
      std::fill(values.begin(), values.end(), 0.0f);
      continue;
    }
    if (!tensor.IsMatrix()) {
      std::fill(values.begin(), values.end(), 1.0f);
      continue;
    }
    const bool is_output =
        tensor.name.ends_with("o_proj.weight") || tensor.name.ends_with("down_proj.weight");
    const double deviation = 0.02 * (is_output ? output_scale : 1.0);
    Rng rng({.run_seed = seed, .stream = RngStream::kInit, .task = Hash64(tensor.name)});
    for (float& value : values) value = static_cast<float>(deviation * rng.Normal());
  }
}

}  // namespace agon::policy
