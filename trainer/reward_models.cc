#include "trainer/reward_models.h"

#include "judge/reward_checkpoints.h"

namespace agon::trainer {

std::vector<std::shared_ptr<judge::RewardModel>> MakeRewardModels(const RlConfig& rl,
                                                                  const policy::Device& device) {
  std::vector<std::shared_ptr<judge::RewardModel>> models;
  for (const std::string& model : rl.learned.models) {
    if (model.starts_with("http://")) {
      models.push_back(judge::MakeRemoteRewardModel(model));
    } else {
      // Alone: how several become one is decided on the scale of the run.
      models.push_back(std::make_shared<judge::RewardCheckpoints>(
          std::vector<std::filesystem::path>{model}, judge::EnsembleConfig{}, device));
    }
  }
  return models;
}

}  // namespace agon::trainer
