#include "judge/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "judge/eval.h"

namespace agon::judge {
namespace {

TEST(PassAtKTest, GoldenValues) {
  // n=10, c=3, k=5: 1 - C(7,5)/C(10,5) = 1 - 21/252 = 11/12.
  EXPECT_NEAR(PassAtK(10, 3, 5), 11.0 / 12, 1e-15);
  // n=4, c=1, k=2: 1 - C(3,2)/C(4,2) = 1 - 3/6.
  EXPECT_DOUBLE_EQ(PassAtK(4, 1, 2), 0.5);
  // Chen et al., 200 samples: prod_{i=191..200} (1 - 10/i) = 0.59145213.
  EXPECT_NEAR(PassAtK(200, 10, 10), 0.40854787, 1e-8);
}

TEST(PassAtKTest, OneSampleIsTheShareAndEdgesAreExact) {
  for (int c = 0; c <= 7; ++c) EXPECT_NEAR(PassAtK(7, c, 1), c / 7.0, 1e-15);
  EXPECT_EQ(PassAtK(5, 0, 5), 0);
  EXPECT_EQ(PassAtK(5, 1, 5), 1);  // any choice of all five holds the right one
  EXPECT_EQ(PassAtK(5, 3, 3), 1);  // only two are wrong
  EXPECT_TRUE(std::isnan(PassAtK(3, 3, 4)));
}

TEST(PassAtKTest, IsStableForManySamples) {
  EXPECT_NEAR(PassAtK(100000, 1, 50000), 0.5, 1e-9);
  EXPECT_GT(PassAtK(1000000, 3, 1), 0);
}

TEST(ClusteredMeanTest, SingletonsGiveThePlainStandardError) {
  // Values 0, 0, 1, 1: mean 1/2, sd^2 = 4 * (1/4) / 3 = 1/3, se = sqrt(1/3)/2 = 0.288675.
  const std::vector<std::vector<double>> clusters = {{0}, {0}, {1}, {1}};
  const Estimate estimate = ClusteredMean(clusters);
  EXPECT_DOUBLE_EQ(estimate.value, 0.5);
  EXPECT_NEAR(estimate.stderr_, 0.28867513, 1e-8);
  // t(0.975, 3) = 3.18244631.
  EXPECT_NEAR(estimate.ci_low, 0.5 - 3.18244631 * 0.28867513, 1e-7);
  EXPECT_NEAR(estimate.ci_high, 0.5 + 3.18244631 * 0.28867513, 1e-7);
  EXPECT_EQ(estimate.num_clusters, 4);
}

TEST(ClusteredMeanTest, RepeatingASampleAddsNoCertainty) {
  // The same four tasks, each answered three times alike: the mean and its error stay.
  const std::vector<std::vector<double>> clusters = {{0, 0, 0}, {0, 0, 0}, {1, 1, 1}, {1, 1, 1}};
  const Estimate estimate = ClusteredMean(clusters);
  EXPECT_DOUBLE_EQ(estimate.value, 0.5);
  EXPECT_NEAR(estimate.stderr_, 0.28867513, 1e-8);
}

TEST(ClusteredMeanTest, UnequalClustersByHand) {
  // {1, 1, 0} and {0} and {1}: mean 3/5. Residual sums: 0.2, -0.6, 0.4; squares 0.56.
  // se = sqrt(3/2 * 0.56) / 5 = 0.18330303.
  const std::vector<std::vector<double>> clusters = {{1, 1, 0}, {}, {0}, {1}};
  const Estimate estimate = ClusteredMean(clusters);
  EXPECT_DOUBLE_EQ(estimate.value, 0.6);
  EXPECT_NEAR(estimate.stderr_, 0.18330303, 1e-8);
  EXPECT_EQ(estimate.num_clusters, 3);
}

TEST(ClusteredMeanTest, TooFewClustersHaveNoError) {
  const std::vector<std::vector<double>> one = {{0, 1, 1}};
  EXPECT_NEAR(ClusteredMean(one).value, 2.0 / 3, 1e-15);
  EXPECT_TRUE(std::isnan(ClusteredMean(one).stderr_));
  EXPECT_TRUE(std::isnan(ClusteredMean(one).ci_low));
  EXPECT_TRUE(std::isnan(ClusteredMean({}).value));
}

TEST(PairedDifferenceTest, TakesOutWhatTasksHaveInCommon) {
  // b - a = 0.5, 0.25, 0.25, 0.5 on tasks that differ a lot: mean 0.375,
  // sd^2 = 4 * 0.125^2 / 3 = 0.0208333, se = sqrt(0.0208333)/2 = 0.07216878.
  const std::vector<double> a = {0, 0.25, 0.5, 0.5}, b = {0.5, 0.5, 0.75, 1};
  const Estimate estimate = PairedDifference(a, b);
  EXPECT_DOUBLE_EQ(estimate.value, 0.375);
  EXPECT_NEAR(estimate.stderr_, 0.07216878, 1e-8);
  EXPECT_NEAR(estimate.ci_low, 0.375 - 3.18244631 * 0.07216878, 1e-7);
  EXPECT_DOUBLE_EQ(PairedDifference(b, a).value, -0.375);
}

}  // namespace
}  // namespace agon::judge
