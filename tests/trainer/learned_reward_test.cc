// One reward from those of several models, worked out by hand.
#include "trainer/learned_reward.h"

#include <gtest/gtest.h>

#include <cmath>

namespace agon::trainer {
namespace {

using Scores = std::vector<double>;

TEST(Moments, AreThoseOfTheNumbers) {
  Moments moments;
  EXPECT_EQ(moments.Deviation(), 1.0);  // of nothing: scores stay as they are
  for (const double value : {2.0, 4.0, 9.0}) moments.Add(value);
  // Mean 5, squares 9 + 1 + 16 = 26.
  EXPECT_DOUBLE_EQ(moments.mean, 5.0);
  EXPECT_DOUBLE_EQ(moments.Deviation(), std::sqrt(26.0 / 3.0));
  EXPECT_DOUBLE_EQ(moments.Standardize(9.0), 4.0 / std::sqrt(26.0 / 3.0));
  Moments alike;
  for (int i = 0; i < 3; ++i) alike.Add(7.0);
  EXPECT_EQ(alike.Standardize(8.0), 1.0);
}

TEST(ScoreScales, TheFirstStepStaysAsTheInitialScale) {
  ScoreScales scales;
  scales.Observe(std::vector<Scores>{{0.0, 10.0}, {2.0, 30.0}, {NAN, 5.0}});
  scales.Observe(std::vector<Scores>{{4.0, 20.0}});
  ASSERT_EQ(scales.initial.size(), 2u);
  EXPECT_DOUBLE_EQ(scales.initial[0].mean, 1.0);
  EXPECT_DOUBLE_EQ(scales.initial[0].Deviation(), 1.0);
  EXPECT_DOUBLE_EQ(scales.initial[1].mean, 20.0);
  EXPECT_DOUBLE_EQ(scales.initial[1].Deviation(), 10.0);
  EXPECT_DOUBLE_EQ(scales.running[0].mean, 2.0);  // of 0, 2, 4: what isn't finite doesn't count
  EXPECT_DOUBLE_EQ(scales.running[0].Deviation(), std::sqrt(8.0 / 3.0));
}

TEST(LearnedReward, IsCombinedOnTheScaleThatIsAskedFor) {
  ScoreScales scales;
  scales.Observe(std::vector<Scores>{{0.0, 10.0}, {2.0, 30.0}});  // 1 +- 1, 20 +- 10
  scales.Observe(std::vector<Scores>{{6.0, 20.0}, {4.0, 20.0}});  // running 3 +- sqrt 5, 20 +- ...
  const Scores scores = {4.0, 10.0};                              // 3 and -1 deviations
  LearnedRewardConfig config;
  config.ensemble.rule = judge::EnsembleRule::kWorst;
  EXPECT_DOUBLE_EQ(LearnedReward(scores, scales, RewardScale::kNone, config), 4.0);
  EXPECT_DOUBLE_EQ(LearnedReward(scores, scales, RewardScale::kInitial, config), -1.0);
  EXPECT_DOUBLE_EQ(LearnedReward(scores, scales, RewardScale::kRunning, config), -std::sqrt(2.0));
  config.ensemble.rule = judge::EnsembleRule::kMean;
  EXPECT_DOUBLE_EQ(LearnedReward(scores, scales, RewardScale::kInitial, config), 1.0);
  EXPECT_DOUBLE_EQ(Disagreement(scores, scales), 2.0);
  EXPECT_TRUE(std::isnan(LearnedReward(Scores{1.0, INFINITY}, scales, config.scale, config)));
}

// 40 % too far: by 0.2, the most, times 1/2. Half a nat below 10: by 5 % times 1/2.
TEST(AdaptKlCoef, MovesTowardsTheTarget) {
  EXPECT_FLOAT_EQ(AdaptKlCoef(0.1f, 14.0, 10.0), 0.11f);
  EXPECT_FLOAT_EQ(AdaptKlCoef(0.1f, 9.5, 10.0), 0.0975f);
  EXPECT_FLOAT_EQ(AdaptKlCoef(0.1f, -1.0, 10.0), 0.09f);
  EXPECT_FLOAT_EQ(AdaptKlCoef(0.1f, 10.0, 10.0), 0.1f);
}

}  // namespace
}  // namespace agon::trainer
