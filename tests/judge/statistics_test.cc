#include "judge/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/quantiles.h"
#include "core/rng.h"

namespace agon::judge {
namespace {

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

TEST(ClusteredMeanTest, ClustersThatAgreeHaveNoInterval) {
  // The sum of six times 0.1 is 0.6 but for rounding, which is no spread.
  const std::vector<std::vector<double>> clusters(6, {0.1});
  EXPECT_EQ(ClusteredMean(clusters).stderr_, 0);
  EXPECT_TRUE(std::isnan(ClusteredMean(clusters).ci_low));
  EXPECT_TRUE(std::isnan(ClusteredMean(clusters).ci_high));
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

// lm-evaluation-harness, tests/testdata: ARC-challenge v2.0, 312 of 1172 right.
TEST(ClusteredMeanTest, GivesTheStandardErrorOfLmEval) {
  std::vector<std::vector<double>> clusters(1172, {0.0});
  for (size_t i = 0; i < 312; ++i) clusters[i] = {1.0};
  const Estimate estimate = ClusteredMean(clusters);
  EXPECT_NEAR(estimate.value, 0.26621160409556316, 1e-15);
  EXPECT_NEAR(estimate.stderr_, 0.01291577478152323, 1e-15);
}

TEST(ClusteredRatioTest, ByHand) {
  // 1/2, 3/4 and 2/2: ratio 6/8. Residuals 1 - 1.5, 3 - 3, 2 - 1.5: squares 0.5.
  // se = sqrt(3/2 * 0.5) / 8 = 0.10825318.
  const std::vector<double> x = {1, 3, 0, 2}, y = {2, 4, 0, 2};
  const Estimate estimate = ClusteredRatio(x, y);
  EXPECT_DOUBLE_EQ(estimate.value, 0.75);
  EXPECT_NEAR(estimate.stderr_, 0.10825318, 1e-8);
  EXPECT_EQ(estimate.num_clusters, 3);
  EXPECT_TRUE(std::isnan(ClusteredRatio({}, {}).value));
}

TEST(ClusteredRatioTest, OfSumsAndCountsIsTheClusteredMean) {
  const std::vector<std::vector<double>> clusters = {{1, 1, 0}, {0}, {1}};
  const std::vector<double> sums = {2, 0, 1}, counts = {3, 1, 1};
  EXPECT_DOUBLE_EQ(ClusteredRatio(sums, counts).value, ClusteredMean(clusters).value);
  EXPECT_NEAR(ClusteredRatio(sums, counts).stderr_, ClusteredMean(clusters).stderr_, 1e-15);
}

TEST(MeanOfEstimatesTest, ByHand) {
  // se = sqrt(0.03^2 + 0.04^2) / 2 = 0.025. Degrees of freedom
  // (9e-4 + 16e-4)^2 / ((9e-4)^2 / 10 + (16e-4)^2 / 20) = 6.25e-6 / 2.09e-7 = 29.904.
  const std::vector<Estimate> estimates = {{0.5, 0.03, 0, 0, 11}, {0.7, 0.04, 0, 0, 21}};
  const Estimate mean = MeanOfEstimates(estimates);
  EXPECT_DOUBLE_EQ(mean.value, 0.6);
  EXPECT_NEAR(mean.stderr_, 0.025, 1e-15);
  EXPECT_NEAR(mean.ci_high, 0.6 + 0.025 * StudentQuantile(0.975, 6.25 / 0.209), 1e-12);
  EXPECT_NEAR(mean.degrees, 6.25 / 0.209, 1e-9);
  EXPECT_EQ(mean.num_clusters, 32);
  EXPECT_TRUE(std::isnan(MeanOfEstimates({}).value));
  const std::vector<Estimate> one_unknown = {{0.5, NAN, 0, 0, 1}, {0.7, 0.04, 0, 0, 21}};
  EXPECT_DOUBLE_EQ(MeanOfEstimates(one_unknown).value, 0.6);
  EXPECT_TRUE(std::isnan(MeanOfEstimates(one_unknown).ci_low));
}

// 1,000 experiments of 30 tasks with 10 samples each, whose within-task correlation is 0.22
// (design effect 1 + 9 * 0.22 = 2.98). The interval that ignores tasks holds the truth as often
// as |Z| < 1.96 / sqrt(2.98), 74.4 %; the clustered one as often as it says.
TEST(CoverageTest, ClusteredIntervalsHoldWhatTheySayAndNaiveOnesDoNot) {
  Rng rng(RngKey{7, RngStream::kTest});
  const double task_sd = std::sqrt(0.22), sample_sd = std::sqrt(0.78);
  int clustered_covers = 0, naive_covers = 0;
  for (int experiment = 0; experiment < 1000; ++experiment) {
    std::vector<std::vector<double>> clusters, singles;
    for (int task = 0; task < 30; ++task) {
      const double effect = task_sd * rng.Normal();
      auto& cluster = clusters.emplace_back();
      for (int sample = 0; sample < 10; ++sample) {
        cluster.push_back(effect + sample_sd * rng.Normal());
        singles.push_back({cluster.back()});
      }
    }
    const Estimate clustered = ClusteredMean(clusters), naive = ClusteredMean(singles);
    clustered_covers += clustered.ci_low <= 0 && 0 <= clustered.ci_high ? 1 : 0;
    naive_covers += naive.ci_low <= 0 && 0 <= naive.ci_high ? 1 : 0;
  }
  EXPECT_GE(clustered_covers, 930);
  EXPECT_LE(clustered_covers, 970);
  EXPECT_GE(naive_covers, 705);
  EXPECT_LE(naive_covers, 785);
}

}  // namespace
}  // namespace agon::judge
