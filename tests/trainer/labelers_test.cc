#include "trainer/labelers.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "core/rng.h"

namespace agon::trainer {
namespace {

const std::vector<PartValues> kThree = {{0.2}, {0.9}, {0.5}};

TEST(Labelers, RankByWhatTheyLike) {
  const LabelerConfig config{.label_noise = 0.0f};
  for (uint64_t task = 0; task < 20; ++task) {
    EXPECT_EQ(LabelTask(config, task, kThree), (std::vector<size_t>{1, 2, 0}));
  }
}

// Every pair of a ranking comes out wrong with probability label_noise.
TEST(Labelers, NoiseTurnsPairsRound) {
  const LabelerConfig config{.label_noise = 0.1f};
  int wrong = 0;
  constexpr int kTasks = 20000;
  for (uint64_t task = 0; task < kTasks; ++task) {
    const auto order = LabelTask(config, task, kThree);
    std::array<size_t, 3> place{};
    for (size_t i = 0; i < 3; ++i) place[order[i]] = i;
    wrong += place[1] > place[2];
    wrong += place[1] > place[0];
    wrong += place[2] > place[0];
  }
  EXPECT_NEAR(wrong / (3.0 * kTasks), 0.1, 0.005);
}

TEST(Labelers, BayesAccuracyByHand) {
  // No ties: 0.9 on all three pairs. One tie of three pairs: (0.9 + 0.9 + 0.5) / 3.
  EXPECT_NEAR(BayesAccuracy({.label_noise = 0.1f}, kThree), 0.9, 1e-7);
  const std::vector<PartValues> tie = {{0.2}, {0.2}, {0.5}};
  EXPECT_NEAR(BayesAccuracy({.label_noise = 0.1f}, tie), 2.3 / 3, 1e-7);
}

// Labelers who weigh help against faults differently: an oracle is right as often as the majority.
TEST(Labelers, DisagreementLowersTheCeiling) {
  const std::vector<PartValues> close = {{1.0, -0.5}, {0.5, 0.0}};
  const LabelerConfig config{.num_labelers = 5, .disagreement = 1.0f, .label_noise = 0.0f};
  int first = 0;
  for (int l = 0; l < 5; ++l) {
    first += LabelerUtility(config, l, close[0]) > LabelerUtility(config, l, close[1]);
  }
  EXPECT_NEAR(BayesAccuracy(config, close), std::max(first, 5 - first) / 5.0, 1e-12);
  EXPECT_LT(BayesAccuracy(config, close), 1.0);
}

TEST(Labelers, TheOracleReachesItsAccuracy) {
  const LabelerConfig config{.num_labelers = 3, .disagreement = 0.7f, .label_noise = 0.15f};
  Rng rng({.run_seed = 11});
  double right = 0, ceiling = 0;
  constexpr int kTasks = 20000;
  for (uint64_t task = 0; task < kTasks; ++task) {
    const std::vector<PartValues> pair = {{rng.Uniform(), -rng.Uniform()},
                                          {rng.Uniform(), -rng.Uniform()}};
    int votes = 0;
    for (int l = 0; l < 3; ++l) {
      votes += LabelerUtility(config, l, pair[0]) > LabelerUtility(config, l, pair[1]) ? 1 : -1;
    }
    const size_t guess = votes > 0 ? 0 : 1;
    right += LabelTask(config, task, pair)[0] == guess;
    ceiling += BayesAccuracy(config, pair);
  }
  EXPECT_NEAR(right / kTasks, ceiling / kTasks, 0.01);
}

}  // namespace
}  // namespace agon::trainer
