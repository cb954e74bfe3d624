// Reward models on held-out preferences: every number by hand.
#include "judge/reward_quality.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "core/file.h"
#include "core/rng.h"
#include "judge/eval.h"
#include "tests/contains.h"

namespace agon::judge {
namespace {

// Two rankings. Pairs of the first: margins 1, 3, 2; of the second, a pair: -1, which labelers
// ordered wrong.
std::vector<ScoredPreference> TwoPreferences() {
  return {{{3, 2, 0}, {4, 6, 8}, {0.9, 0.5, 0.1}, 0.9}, {{1, 2}, {5, 3}, {0.2, 0.4}, 0.8}};
}

TEST(RewardQualityTest, ByHand) {
  const RewardQuality quality = MeasureRewardQuality("m", TwoPreferences());
  EXPECT_EQ(quality.num_preferences, 2);
  EXPECT_EQ(quality.num_pairs, 4);
  EXPECT_DOUBLE_EQ(quality.accuracy.value, 0.75);
  EXPECT_DOUBLE_EQ(quality.gold_accuracy.value, 1.0);
  EXPECT_DOUBLE_EQ(quality.bayes_accuracy, (3 * 0.9 + 0.8) / 4);
  EXPECT_DOUBLE_EQ(quality.share_of_bayes.value, 3 / 3.5);
  EXPECT_DOUBLE_EQ(quality.mean_margin, (1 + 3 + 2 - 1) / 4.0);
  EXPECT_DOUBLE_EQ(quality.reward_mean, 8 / 5.0);
  // -log sigmoid of 1, 3, 2, -1.
  EXPECT_NEAR(quality.log_loss, (0.3132617 + 0.0485874 + 0.1269280 + 1.3132617) / 4, 1e-7);
  // Within prompts: rewards 4/3, 1/3, -5/3 and -1/2, 1/2; squares 42/9 + 1/2 over five.
  EXPECT_NEAR(quality.reward_deviation, std::sqrt((42.0 / 9 + 0.5) / 5), 1e-12);
  // Lengths -2, 0, 2 and 1, -1: sum xy -6 - 1 = -7, sum xx 10; ten tokens, in deviations.
  EXPECT_NEAR(quality.length_slope.value, -7.0 / 10 * 10 / quality.reward_deviation, 1e-12);
}

// One bin: sigmoid of 1, 3, 2 and 1, and three of four right.
TEST(RewardQualityTest, CalibrationByHand) {
  const RewardQuality quality = MeasureRewardQuality("m", TwoPreferences());
  ASSERT_EQ(quality.calibration.size(), 1u);
  const double predicted = (0.7310586 + 0.9525741 + 0.8807971 + 0.7310586) / 4;
  EXPECT_NEAR(quality.calibration[0].predicted, predicted, 1e-7);
  EXPECT_DOUBLE_EQ(quality.calibration[0].observed.value, 0.75);
  EXPECT_NEAR(quality.calibration_error, predicted - 0.75, 1e-7);
}

TEST(RewardQualityTest, EveryPairIsInTheHistogramOnce) {
  const RewardQuality quality = MeasureRewardQuality("m", TwoPreferences());
  int64_t num_true = 0, num_wrong = 0;
  for (const MarginBin& bin : quality.margins) {
    num_true += bin.num_true;
    num_wrong += bin.num_wrong;
  }
  EXPECT_EQ(num_true, 3);
  EXPECT_EQ(num_wrong, 1);
  EXPECT_EQ(quality.margins.front().low, -1);
  EXPECT_EQ(quality.margins.back().high, 3);
}

// A model that knows how sure it may be: margins are true log-odds.
TEST(RewardQualityTest, AHonestModelIsCalibrated) {
  Rng rng({.run_seed = 5});
  std::vector<ScoredPreference> scored;
  for (int i = 0; i < 20000; ++i) {
    const double margin = 2 * rng.Normal();
    const bool first = rng.Uniform() < 1 / (1 + std::exp(-margin));
    scored.push_back({{first ? margin : -margin, 0}, {5, 5}, {}, 0});
  }
  const RewardQuality quality = MeasureRewardQuality("m", scored);
  EXPECT_EQ(quality.calibration.size(), 10u);
  EXPECT_LT(quality.calibration_error, 0.01);
  // Nothing is known of the truth, and lengths don't differ.
  EXPECT_TRUE(std::isnan(quality.bayes_accuracy));
  EXPECT_TRUE(std::isnan(quality.gold_accuracy.value));
  EXPECT_TRUE(std::isnan(quality.length_slope.value));
}

// Rewards that are worth plus half a length: at equal worth the slope is half, whatever long
// replies are worth.
TEST(RewardQualityTest, LengthAtEqualWorth) {
  Rng rng({.run_seed = 6});
  std::vector<ScoredPreference> scored;
  for (int i = 0; i < 200; ++i) {
    ScoredPreference preference;
    for (int k = 0; k < 4; ++k) {
      const double length = 5 + 10 * rng.Uniform(), gold = 0.3 * length + rng.Normal();
      preference.lengths.push_back(length);
      preference.gold.push_back(gold);
      preference.rewards.push_back(gold + 0.5 * length);
    }
    scored.push_back(std::move(preference));
  }
  const RewardQuality quality = MeasureRewardQuality("m", scored);
  EXPECT_NEAR(quality.length_slope_at_equal_gold.value * quality.reward_deviation / 10, 0.5, 1e-9);
  EXPECT_NEAR(quality.length_slope.value * quality.reward_deviation / 10, 0.8, 0.05);
}

TEST(RewardQualityTest, EqualRewardsAreHalfRight) {
  const RewardQuality quality =
      MeasureRewardQuality("m", std::vector<ScoredPreference>{{{1, 1}, {2, 3}, {}, 0}});
  EXPECT_EQ(quality.accuracy.value, 0.5);
  EXPECT_TRUE(quality.margins.empty());
}

TEST(RewardQualityTest, FilesReadBackAndReportsShowThem) {
  const std::filesystem::path dir = std::filesystem::path(testing::TempDir()) / "reward_quality";
  std::filesystem::create_directories(dir);
  const std::vector<RewardQuality> models = {MeasureRewardQuality("member <1>", TwoPreferences())};
  WriteRewardQuality(dir / "reward_models.json", models);
  const auto read = ReadRewardQuality(dir / "reward_models.json");
  ASSERT_EQ(read.size(), 1u);
  EXPECT_EQ(read[0].model, "member <1>");
  EXPECT_EQ(read[0].share_of_bayes.value, models[0].share_of_bayes.value);
  EXPECT_EQ(read[0].calibration[0].observed.value, 0.75);
  EXPECT_EQ(read[0].margins.size(), models[0].margins.size());
  EXPECT_TRUE(ReadRewardQuality(dir / "nothing.json").empty());
  WriteFileAtomic(dir / "log.jsonl", "{\"stage\":\"reward-model\",\"step\":1,\"loss\":0.7}\n");
  ReportInput input;
  input.title = "Run";
  input.run_log = dir / "log.jsonl";
  WriteReport(dir, input);
  const std::string html = ReadFile(dir / "report.html");
  for (const char* part : {"Reward model", "member &lt;1&gt;", "Calibration", "Margins",
                           "labeled wrong", "an oracle would agree with <b>87.5", "85.7"}) {
    EXPECT_TRUE(Contains(html, part)) << part;
  }
  EXPECT_TRUE(Contains(ReadFile(dir / "report.md"), "## Reward model"));
}

}  // namespace
}  // namespace agon::judge
