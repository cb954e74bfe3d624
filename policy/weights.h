// The model's tensors in one fp32 arena, in the order and under the names of a Hugging
// Face Qwen3 checkpoint. Private to policy.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/policy.h"

namespace agon::policy {

struct TensorSpec {
  std::string name;
  std::vector<int64_t> shape;
  int64_t offset = 0;  // elements from the start of the arena
  int64_t size = 0;

  bool IsMatrix() const { return shape.size() == 2; }
};

// Offsets of one layer's tensors. q, k, v are one (H + 2 KV) d x C matrix, gate and up one
// 2 F x C matrix: neighbours in the arena are one layer to the backend.
struct LayerOffsets {
  int64_t input_norm, qkv, q_norm, k_norm, o, post_norm, gate_up, down;
};

// Where every tensor lies.
class WeightLayout {
 public:
  explicit WeightLayout(const ModelConfig& config);

  const std::vector<TensorSpec>& tensors() const { return tensors_; }
  const std::vector<LayerOffsets>& layers() const { return layers_; }
  int64_t embedding() const { return embedding_; }    // (V, C), also the head
  int64_t final_norm() const { return final_norm_; }  // (C)
  int64_t score() const { return score_; }            // (1, C), -1 without a score head
  int64_t size() const { return size_; }              // elements
  // nullptr if there is none.
  const TensorSpec* Find(std::string_view name) const;

 private:
  int64_t Add(std::string name, std::vector<int64_t> shape);

  std::vector<TensorSpec> tensors_;
  std::vector<LayerOffsets> layers_;
  int64_t embedding_ = 0, final_norm_ = 0, score_ = -1, size_ = 0;
};

// Random initial weights: matrices normal(0, 0.02), output projections divided by
// sqrt(2 L), gains one, the score head zero. One random sequence per tensor name.
void InitialiseWeights(const ModelConfig& config, const WeightLayout& layout, uint64_t seed,
                       std::span<float> weights);

}  // namespace agon::policy
