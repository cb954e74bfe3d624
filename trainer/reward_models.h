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

}  // namespace agon::trainer
