// What a step's episodes were like: numbers for the log.
#pragma once

#include <cstdint>
#include <vector>

#include "trainer/pack.h"
#include "trainer/run_log.h"
#include "trainer/trainer.h"

namespace agon::trainer {

// Mean of the environment's own rewards, whatever else training adds to or takes from them.
struct MeanGold {
  double value = 0;   // NaN of none
  int64_t count = 0;  // episodes that have one
};
MeanGold GoldOf(const std::vector<Group>& groups);

// reward, reward_std, correct (rewards of at least `max_reward`), length, truncated, masked,
// episodes; where a reference scored some, kl (k3, nats per token) and, where it scored all,
// kl_completion and distance, its square root; with learned rewards gold, proxy, promised and
// disagreement, for which `state` is needed.
Numbers RolloutStatistics(const RlConfig& config, double max_reward, const RlState* state,
                          const std::vector<Group>& groups);

}  // namespace agon::trainer
