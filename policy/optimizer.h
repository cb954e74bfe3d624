// AdamW and Muon over the arena of weights. Private to policy.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "policy/backend.h"
#include "policy/device_array.h"
#include "policy/muon.h"
#include "policy/weights.h"

namespace agon::policy {

class Optimizer {
 public:
  // Keeps references. Moments start at zero.
  Optimizer(const OptimizerConfig& config, const WeightLayout& layout, Backend& backend);

  // Takes all memory that Step needs; without it the first Step does.
  void Reserve();

  // Clips, updates `weights`, zeroes `gradients`. Returns the norm before clipping; if it isn't
  // finite only zeroes.
  float Step(float learning_rate, DeviceFloats& weights, DeviceFloats& gradients);

  // Moments and step count as a safetensors file. Load throws kCorrupt.
  void Save(const std::filesystem::path& file) const;
  void Load(const std::filesystem::path& file);

  MemoryUse Memory() const;

 private:
  bool UsesMuon(const TensorSpec& tensor) const;
  void StepMuon(const TensorSpec& tensor, float learning_rate, float grad_scale, float* w, float* g,
                float* m);

  OptimizerConfig config_;
  const WeightLayout& layout_;
  Backend& backend_;
  Orthogonaliser orthogonaliser_;
  std::unique_ptr<DeviceMemory> update_;  // of one matrix
  DeviceFloats first_, second_;           // moments; Muon's momentum is in `first_`
  int64_t step_ = 0;
};

}  // namespace agon::policy
