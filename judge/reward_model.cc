#include "judge/reward_model.h"

#include <cmath>
#include <utility>

namespace agon::judge {
namespace {

class RewardModelJudge final : public Judge {
 public:
  RewardModelJudge(std::shared_ptr<RewardModel> model, std::string name)
      : model_(std::move(model)),
        info_{std::move(name), model_->fingerprint(), -INFINITY, INFINITY, /*sees_pairs=*/false} {}
  const JudgeInfo& info() const override { return info_; }

 protected:
  Verdict DoScore(const Question& question, std::string_view reply) const override {
    Messages transcript = question.messages;
    transcript.push_back({Role::kAssistant, std::string(reply)});
    const std::vector<double> rewards = model_->Rewards({&transcript, 1});
    if (rewards.size() != 1) return MaskedVerdict("judge", "not one reward for one transcript");
    Verdict verdict;
    verdict.score = rewards[0];
    verdict.parts = {{"reward", rewards[0]}};
    verdict.reason = "by " + info_.name;
    return verdict;
  }

 private:
  const std::shared_ptr<RewardModel> model_;
  const JudgeInfo info_;
};

}  // namespace

std::unique_ptr<Judge> MakeRewardModelJudge(std::shared_ptr<RewardModel> model, std::string name) {
  return std::make_unique<RewardModelJudge>(std::move(model), std::move(name));
}

}  // namespace agon::judge
