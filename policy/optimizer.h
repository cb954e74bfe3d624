// AdamW and Muon over the arena of weights. Private to policy.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "policy/backend.h"
#include "policy/device_array.h"
#include "policy/muon.h"
#include "policy/shared_step.h"
#include "policy/weights.h"

namespace agon::policy {

class Optimizer {
 public:
  // Keeps references. Moments, of this rank's share, start at zero. Collective, as all but Load.
  Optimizer(const OptimizerConfig& config, const WeightLayout& layout, Backend& backend,
            Communicator& ranks);

  // Takes all memory that a step with gradients of `num_shards` shards needs; without it the first
  // step does.
  void Reserve(int num_shards);

  // As SharedStep::AddShard.
  void AddShard(DeviceFloats& gradients, bool is_last);
  // Clips, updates `weights`, zeroes `gradients`. Returns the norm before clipping. If that isn't
  // finite only zeroes, and throws as Policy::OptimizerStep. REQUIRES: several ranks have given all
  // their shards.
  float Step(float learning_rate, DeviceFloats& weights, DeviceFloats& gradients);

  // All ranks' moments and the step count as a safetensors file, which the leader writes. Load
  // reads those of this rank's share; throws kCorrupt.
  void Save(const std::filesystem::path& file) const;
  void Load(const std::filesystem::path& file);

  const Exchange* exchange() const { return together_.exchange(); }
  std::vector<MemoryUse> Memory() const;

 private:
  bool UsesMuon(const TensorSpec& tensor) const;
  // The part of `tensor` in this rank's share; one that uses Muon is in one share as a whole.
  Share PartOf(const TensorSpec& tensor) const;
  // What AdamW steps of this rank's share, counted from its begin: neighbours in one range.
  std::vector<Backend::AdamWRange> AdamWRanges() const;
  // The tensor at which the backward pass stopped giving numbers.
  const TensorSpec& FirstNotFinite(const DeviceFloats& gradients) const;
  void StepMuon(const TensorSpec& tensor, float learning_rate, float grad_scale, float* w, float* g,
                float* m);

  OptimizerConfig config_;
  const WeightLayout& layout_;
  Backend& backend_;
  SharedStep together_;
  Orthogonaliser orthogonaliser_;
  std::unique_ptr<DeviceMemory> update_;  // of one matrix
  DeviceFloats first_, second_;           // moments; Muon's momentum is in `first_`
  int64_t step_ = 0;
  bool is_summed_ = false;  // `gradients` of the next Step have been
};

}  // namespace agon::policy
