// What a trajectory earns in training: three separate choices about overlong completions.
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "trainer/rewards.h"

namespace agon::trainer {
namespace {

judge::Trajectory Sampled(int num_tokens, double reward, bool length_limited) {
  judge::Trajectory t;
  t.action_mask.assign(static_cast<size_t>(num_tokens), 1);
  t.length_limited = length_limited;
  t.outcome.parts = {{"reward", reward, 1.0}};
  return t;
}

RlConfig WithOverlong(OverlongReward overlong) {
  RlConfig config;
  config.max_new_tokens = 100;
  config.overlong = overlong;
  config.overlong_buffer = 20;
  return config;
}

// Of an episode that nothing else rewards.
std::optional<double> TrainingReward(const judge::Trajectory& trajectory, const RlConfig& config) {
  std::vector<Group> groups(1);
  groups[0].push_back({trajectory, std::nullopt});
  groups[0][0].gold = EnvReward(trajectory);
  AssignRewards(config, {}, groups);
  return groups[0][0].reward;
}

TEST(TrainingReward, AsGradedLeavesTheVerdictAlone) {
  const RlConfig config = WithOverlong(OverlongReward::kAsGraded);
  EXPECT_EQ(TrainingReward(Sampled(100, 1.0, true), config), 1.0);
}

TEST(TrainingReward, ZeroTakesTheRewardOfACutCompletionOnly) {
  const RlConfig config = WithOverlong(OverlongReward::kZero);
  EXPECT_EQ(TrainingReward(Sampled(100, 1.0, true), config), 0.0);
  EXPECT_EQ(TrainingReward(Sampled(100, 1.0, false), config), 1.0);
}

// DAPO, eq. 13: with a limit of 100 and a buffer of 20, nothing up to 80, -1/2 at 90, -1 at
// 100.
TEST(TrainingReward, TheSoftPenaltyGrowsOverTheBuffer) {
  const RlConfig config = WithOverlong(OverlongReward::kSoftPenalty);
  EXPECT_EQ(TrainingReward(Sampled(80, 1.0, false), config), 1.0);
  EXPECT_EQ(TrainingReward(Sampled(90, 1.0, false), config), 0.5);
  EXPECT_EQ(TrainingReward(Sampled(100, 1.0, true), config), 0.0);
  EXPECT_EQ(TrainingReward(Sampled(100, 0.0, true), config), -1.0);
}

// The limit is that of one completion, however many turns an episode has.
TEST(TrainingReward, TheSoftPenaltyIsOfTheLongestCompletion) {
  const RlConfig config = WithOverlong(OverlongReward::kSoftPenalty);
  judge::Trajectory turns = Sampled(70, 1.0, false);
  turns.action_mask.resize(75, 0);
  turns.action_mask.resize(75 + 60, 1);
  EXPECT_EQ(TrainingReward(turns, config), 1.0);
  turns.action_mask.resize(75 + 90, 1);
  EXPECT_EQ(TrainingReward(turns, config), 0.5);
}

TEST(TrainingReward, AFullContextIsATokenLimit) {
  judge::Trajectory cut = Sampled(30, 1.0, true);  // by the context, long before its own limit
  judge::Trajectory full = Sampled(30, 1.0, false);
  full.context_full = true;
  for (const judge::Trajectory& trajectory : {cut, full}) {
    EXPECT_EQ(TrainingReward(trajectory, WithOverlong(OverlongReward::kSoftPenalty)), 0.0);
    EXPECT_EQ(TrainingReward(trajectory, WithOverlong(OverlongReward::kZero)), 0.0);
    RlConfig config;
    config.mask_truncated = true;
    Rollout rollout{trajectory, 1.0};
    EXPECT_FALSE(InLoss(rollout, config));
  }
}

TEST(TrainingReward, WhatWasNotScoredIsNotZero) {
  const RlConfig config;
  judge::Trajectory masked = Sampled(5, 1.0, false);
  masked.outcome.masked = envs::Mask{"timeout", "the grader took too long"};
  EXPECT_EQ(TrainingReward(masked, config), std::nullopt);
  EXPECT_EQ(TrainingReward(Sampled(5, NAN, false), config), std::nullopt);
  judge::Trajectory partly = Sampled(5, 1.0, false);
  partly.outcome.parts.push_back({"style", std::nullopt, 0.1});
  EXPECT_EQ(TrainingReward(partly, config), std::nullopt);
}

TEST(Schedule, WarmsUpThenDecaysLinearly) {
  const Schedule schedule{1.0f, 4, 0.2f};
  EXPECT_FLOAT_EQ(schedule.At(1, 12), 0.25f);
  EXPECT_FLOAT_EQ(schedule.At(4, 12), 1.0f);
  EXPECT_FLOAT_EQ(schedule.At(5, 12), 1.0f);
  EXPECT_FLOAT_EQ(schedule.At(9, 12), 0.6f);   // half of the eight steps are done
  EXPECT_FLOAT_EQ(schedule.At(12, 12), 0.3f);  // 7 of 8
}

TEST(Schedule, WithoutWarmUpOrDecayIsFlat) {
  const Schedule schedule{0.5f, 0, 1.0f};
  EXPECT_EQ(schedule.At(1, 10), 0.5f);
  EXPECT_EQ(schedule.At(10, 10), 0.5f);
}

class CheckRlTest : public testing::Test {
 protected:
  CheckRlTest() { model_.max_positions = 256; }

  // The error's text, or "" if the config is accepted.
  std::string Check() const {
    try {
      CheckRl(config_, model_);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      return error.what();
    }
    return "";
  }

  RlConfig config_;
  policy::ModelConfig model_;
};

TEST_F(CheckRlTest, AcceptsTheDefaults) { EXPECT_EQ(Check(), ""); }

TEST_F(CheckRlTest, RefusesAGroupOfOne) {
  config_.group_size = 1;
  EXPECT_NE(Check().find("rl.group_size"), std::string::npos);
}

TEST_F(CheckRlTest, RefusesABatchThatDoesNotDivide) {
  config_.num_minibatches = 5;  // of 32 tasks
  EXPECT_NE(Check().find("rl.num_minibatches"), std::string::npos);
  config_.num_minibatches = 0;
  EXPECT_NE(Check().find("rl.num_minibatches"), std::string::npos);
}

TEST_F(CheckRlTest, RefusesGreedySampling) {
  config_.temperature = 0.0f;
  EXPECT_NE(Check().find("rl.temperature"), std::string::npos);
}

TEST_F(CheckRlTest, RefusesCompletionsThatFillTheContext) {
  config_.max_new_tokens = 256;
  EXPECT_NE(Check().find("rl.max_new_tokens"), std::string::npos);
}

TEST_F(CheckRlTest, RefusesKlWithoutWeight) {
  config_.loss.kl = KlEstimator::kK3;
  EXPECT_NE(Check().find("rl.kl_coef"), std::string::npos);
}

TEST_F(CheckRlTest, RefusesKlThatHoldsNothingBack) {
  config_.loss.kl = KlEstimator::kK1;
  config_.loss.kl_coef = 0.1f;
  EXPECT_NE(Check().find("rl.kl"), std::string::npos);
  config_.loss.kl_place = KlPlace::kReward;
  EXPECT_EQ(Check(), "");
}

TEST_F(CheckRlTest, RefusesABufferLongerThanTheCompletion) {
  config_.overlong = OverlongReward::kSoftPenalty;
  config_.overlong_buffer = config_.max_new_tokens + 1;
  EXPECT_NE(Check().find("rl.overlong_buffer"), std::string::npos);
}

}  // namespace
}  // namespace agon::trainer
