#include "trainer/reward_models.h"

namespace agon::trainer {

std::vector<std::shared_ptr<judge::RewardModel>> MakeRewardModels(const RlConfig& rl) {
  std::vector<std::shared_ptr<judge::RewardModel>> models;
  for (const std::string& address : rl.learned.models) {
    models.push_back(judge::MakeRemoteRewardModel(address));
  }
  return models;
}

bool NeedsReference(const RlConfig& rl) {
  return rl.loss.kl != KlEstimator::kNone || rl.learned.is_on() || rl.kl_limit > 0;
}

}  // namespace agon::trainer
