#include "judge/significance.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/rng.h"

namespace agon::judge {
namespace {

TEST(PValueTest, MatchesTablesOfStudentsT) {
  // Two-sided points: t(0.975, 10) = 2.2281389, and Cauchy's P(|T| > 1) = 1/2.
  EXPECT_NEAR(PValue({2.2281388520, 1, 0, 0, 11}), 0.05, 1e-9);
  EXPECT_NEAR(PValue({-0.22281388520, 0.1, 0, 0, 11}), 0.05, 1e-9);
  EXPECT_NEAR(PValue({1, 1, 0, 0, 2}), 0.5, 1e-12);
  EXPECT_EQ(PValue({0, 0, 0, 0, 5}), 1);
  EXPECT_TRUE(std::isnan(PValue({1, NAN, 0, 0, 1})));
}

// One noisy benchmark of 3 tasks and one quiet of 1000: (0.09 + 0.0001) / 2 clusters' worth of
// degrees, about 2, not 1001. At the end of the interval the p-value is 0.05 exactly.
TEST(PValueTest, AgreesWithTheIntervalOfAMean) {
  const std::vector<Estimate> estimates = {{0, 0.3, 0, 0, 3}, {0, 0.01, 0, 0, 1000}};
  Estimate mean = MeanOfEstimates(estimates);
  EXPECT_NEAR(mean.degrees, 2, 0.01);
  mean.value = mean.ci_high;
  EXPECT_NEAR(PValue(mean), 0.05, 1e-9);
}

TEST(PValueTest, UnanimousTasksAreCountedNotBelieved) {
  // Five tasks, all better by the same: the chance of five equal signs is 2 * 2^-5.
  EXPECT_DOUBLE_EQ(PValue({0.25, 0, 0.25, 0.25, 5}), 0.0625);
}

TEST(HolmTest, ByHand) {
  // Sorted 0.01, 0.02, 0.03, 0.5 times 4, 3, 2, 1, then made rising: 0.04, 0.06, 0.06, 0.5.
  const std::vector<double> p = {0.03, 0.01, NAN, 0.5, 0.02};
  const auto adjusted = HolmAdjusted(p);
  EXPECT_DOUBLE_EQ(adjusted[0], 0.06);
  EXPECT_DOUBLE_EQ(adjusted[1], 0.04);
  EXPECT_TRUE(std::isnan(adjusted[2]));
  EXPECT_DOUBLE_EQ(adjusted[3], 0.5);
  EXPECT_DOUBLE_EQ(adjusted[4], 0.06);
  EXPECT_DOUBLE_EQ(HolmAdjusted(std::vector<double>{0.7, 0.8})[1], 1);
  EXPECT_DOUBLE_EQ(HolmAdjusted(std::vector<double>{0.04})[0], 0.04);
}

// z(0.975) + z(0.8) = 1.9599640 + 0.8416212 = 2.8015852.
TEST(PowerTest, MinimumDetectableEffect) {
  EXPECT_NEAR(MinimumDetectableEffect(0.01), 0.028015852, 1e-9);
  EXPECT_TRUE(std::isnan(MinimumDetectableEffect(NAN)));
  EXPECT_TRUE(std::isnan(MinimumDetectableEffect(0)));
}

// omega^2 = 1/9, sigma^2 = 1/6 on both sides, an effect of 3 points: (2.8015852 / 0.03)^2 =
// 8720.9767; times 1/9 + 2/6 gives 3875.99, times 1/9 + 2/60 gives 1259.70, times 1/9 969.0.
TEST(PowerTest, TasksNeededByHand) {
  const DifferenceVariance variance{1.0 / 9, 1.0 / 6, 1.0 / 6};
  EXPECT_EQ(TasksNeeded(0.03, variance, 1, 1), 3876);
  EXPECT_EQ(TasksNeeded(-0.03, variance, 10, 10), 1260);
  EXPECT_EQ(TasksNeeded(0.03, {1.0 / 9, 0, 0}, 1, 1), 969);
  EXPECT_EQ(TasksNeeded(0, variance, 1, 1), 0);
  EXPECT_EQ(TasksNeeded(NAN, variance, 1, 1), 0);
  EXPECT_EQ(TasksNeeded(1e-300, variance, 1, 1), 1000000000000000);
}

TEST(PowerTest, VarianceIsSplitByHand) {
  // Means 0.5, 0 and 1, 0.5: differences 0.5, 0.5, no variance between. Variances within a task:
  // 1/2 and 0 of a, 0 and 1/2 of b.
  const std::vector<std::vector<double>> a = {{0, 1}, {0, 0}}, b = {{1, 1}, {0, 1}};
  const DifferenceVariance variance = EstimateDifferenceVariance(a, b);
  EXPECT_DOUBLE_EQ(variance.within_a, 0.25);
  EXPECT_DOUBLE_EQ(variance.within_b, 0.25);
  EXPECT_DOUBLE_EQ(variance.between_tasks, 0);  // not below: 0 - 1/4 estimates nothing
  // One sample each: differences 1 and 0, variance 1/2, all of it between.
  const std::vector<std::vector<double>> c = {{0}, {0}}, d = {{1}, {0}};
  EXPECT_DOUBLE_EQ(EstimateDifferenceVariance(c, d).between_tasks, 0.5);
  EXPECT_DOUBLE_EQ(EstimateDifferenceVariance({}, {}).between_tasks, 0);
}

// The promise behind "would have been found with probability 0.8": at an effect as large as the
// minimum, about four in five experiments reject; with none, about one in twenty.
TEST(PowerTest, TheMinimumEffectIsFoundAsOftenAsPromised) {
  Rng rng(RngKey{11, RngStream::kTest});
  const double effect = MinimumDetectableEffect(1 / std::sqrt(60.0));
  int found = 0, false_alarms = 0;
  for (int experiment = 0; experiment < 1000; ++experiment) {
    std::vector<double> zero(60, 0), none, some;
    for (int task = 0; task < 60; ++task) {
      none.push_back(rng.Normal());
      some.push_back(effect + rng.Normal());
    }
    found += PValue(PairedDifference(zero, some)) < kAlpha ? 1 : 0;
    false_alarms += PValue(PairedDifference(zero, none)) < kAlpha ? 1 : 0;
  }
  EXPECT_NEAR(found, 800, 45);
  EXPECT_NEAR(false_alarms, 50, 25);
}

}  // namespace
}  // namespace agon::judge
