#include "trainer/advantages.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace agon::trainer {
namespace {

using Rewards = std::vector<std::optional<double>>;

TEST(Advantages, MeanSubtractsTheMean) {
  // mean of 1 0 0 1 0 = 0.4
  const auto a = ComputeAdvantages(Rewards{1, 0, 0, 1, 0}, AdvantageKind::kMean);
  EXPECT_FALSE(a.zero_variance);
  EXPECT_EQ(a.values, (std::vector<float>{0.6f, -0.4f, -0.4f, 0.6f, -0.4f}));
}

TEST(Advantages, MeanStdDividesByTheSampleDeviation) {
  // 1 0 0 1: mean 0.5, sum of squares 1, deviation sqrt(1/3) = 0.577350;
  // 0.5 / (0.577350 + 0.0001) = 0.865875
  const auto a = ComputeAdvantages(Rewards{1, 0, 0, 1}, AdvantageKind::kMeanStd);
  EXPECT_NEAR(a.values[0], 0.865875f, 1e-5);
  EXPECT_NEAR(a.values[1], -0.865875f, 1e-5);
}

TEST(Advantages, RlooComparesWithTheOthers) {
  // 1 against the mean of {0, 0, 1} = 2/3; 0 against {1, 0, 1} = -2/3
  const auto a = ComputeAdvantages(Rewards{1, 0, 0, 1}, AdvantageKind::kRloo);
  EXPECT_NEAR(a.values[0], 2.0 / 3, 1e-6);
  EXPECT_NEAR(a.values[1], -2.0 / 3, 1e-6);
}

TEST(Advantages, MaskedAndNanStayOutOfTheBaseline) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const auto kind : {AdvantageKind::kMean, AdvantageKind::kMeanStd, AdvantageKind::kRloo}) {
    const auto with = ComputeAdvantages(Rewards{1, std::nullopt, 0, nan, 0}, kind);
    const auto without = ComputeAdvantages(Rewards{1, 0, 0}, kind);
    EXPECT_EQ(with.values[0], without.values[0]);
    EXPECT_EQ(with.values[2], without.values[1]);
    EXPECT_EQ(with.values[1], 0.0f);
    EXPECT_EQ(with.values[3], 0.0f);
  }
}

TEST(Advantages, EqualRewardsHaveNothingToTeach) {
  for (const Rewards& rewards : {Rewards{1, 1, 1}, Rewards{0, 0}, Rewards{1, std::nullopt},
                                 Rewards{std::nullopt, std::nullopt}}) {
    const auto a = ComputeAdvantages(rewards, AdvantageKind::kMeanStd);
    EXPECT_TRUE(a.zero_variance);
    for (float value : a.values) EXPECT_EQ(value, 0.0f);
  }
}

TEST(Advantages, SumToZero) {
  const Rewards rewards{0.3, 0.9, -1.5, 4.25, 0.0, 0.3};
  for (const auto kind : {AdvantageKind::kMean, AdvantageKind::kMeanStd, AdvantageKind::kRloo}) {
    double sum = 0;
    for (float value : ComputeAdvantages(rewards, kind).values) sum += static_cast<double>(value);
    EXPECT_NEAR(sum, 0.0, 1e-6);
  }
}

TEST(AdvantagesDeathTest, AGroupOfOneIsRefused) {
  EXPECT_DEATH(ComputeAdvantages(Rewards{1}, AdvantageKind::kMean), "baseline");
}

}  // namespace
}  // namespace agon::trainer
