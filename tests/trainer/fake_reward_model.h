// Reward models of tests: any function of the prompt and the reply.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "judge/reward_model.h"

namespace agon::trainer {

class FakeRewardModel final : public judge::RewardModel {
 public:
  using Score = std::function<double(const std::string& prompt, const std::string& reply)>;
  explicit FakeRewardModel(Score score) : score_(std::move(score)) {}

  std::string fingerprint() const override { return "fake"; }
  std::vector<double> Rewards(std::span<const Messages> transcripts) override {
    std::vector<double> rewards;
    for (const Messages& transcript : transcripts) {
      rewards.push_back(score_(transcript.front().content, transcript.back().content));
    }
    return rewards;
  }

 private:
  Score score_;
};

}  // namespace agon::trainer
