// Where the reward models of a run come from.
#pragma once

#include <memory>
#include <vector>

#include "judge/reward_model.h"
#include "trainer/trainer.h"

namespace agon::trainer {

// Of config.learned.models, in order: directories or addresses. Throws what RewardCheckpoints and
// MakeRemoteRewardModel throw.
std::vector<std::shared_ptr<judge::RewardModel>> MakeRewardModels(const RlConfig& rl,
                                                                  const policy::Device& device);

// Whoever charges KL or watches a learned reward measures the distance from the start.
bool NeedsReference(const RlConfig& rl);

}  // namespace agon::trainer
