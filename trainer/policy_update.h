// What an RL step does to the policy: packing, loss, backward, optimizer.
#pragma once

#include "trainer/losses.h"
#include "trainer/pack.h"
#include "trainer/trainer.h"
#include "trainer/value.h"

namespace agon::trainer {

// Sums over the tokens in the loss; those of shards add up.
struct UpdateStats {
  LossStats loss;
  double entropy_sum = 0;
  double num_trained_tokens = 0;
  double flop = 0;

  void Add(const UpdateStats& other) {
    loss.Add(other.loss);
    entropy_sum += other.entropy_sum;
    num_trained_tokens += other.num_trained_tokens;
    flop += other.flop;
  }
};

// All updates of a step.
struct StepUpdate {
  UpdateStats stats;
  int num_updates = 0;
  double on_policy_difference = 0;  // before the first update
  double grad_norm = 0;             // of the last update
  ValueStats value;                 // of the first pass, if there is a value model
};

// Every mini-batch of every pass. The first update sees the weights that sampled, so its
// log-probabilities must be the sampler's, bit for bit: throws Error(kFailed) if they aren't.
StepUpdate UpdatePolicy(std::span<const Group> groups, int step, float lr, const RlConfig& config,
                        const StageContext& context);

}  // namespace agon::trainer
