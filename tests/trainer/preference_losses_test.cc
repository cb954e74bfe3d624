#include "trainer/preference_losses.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <functional>
#include <vector>

namespace agon::trainer {
namespace {

constexpr PreferenceLossConfig kNoCentering{0.0f};

TEST(PreferenceLosses, BradleyTerryByHand) {
  // Difference 2 - 0.5 = 1.5, less the margin 0.5: 1. -log sigmoid(1) = log(1 + 1/e) =
  // 0.3132617; derivative -sigmoid(-1) = -0.2689414. Over 4 preferences: a quarter.
  std::array<float, 2> d{};
  const auto stats = BradleyTerryLoss(std::array{2.0f, 0.5f}, 0.5, 4, kNoCentering, d);
  EXPECT_NEAR(stats.loss, 0.3132617 / 4, 1e-7);
  EXPECT_NEAR(d[0], -0.2689414 / 4, 1e-7);
  EXPECT_NEAR(d[1], 0.2689414 / 4, 1e-7);
  EXPECT_EQ(stats.num_right, 1);
  EXPECT_EQ(stats.margin_sum, 1.5);
  EXPECT_EQ(stats.score_sum, 2.5);
}

TEST(PreferenceLosses, CenteringByHand) {
  // 0.01 (1 + 3)^2 = 0.16 on top of -log sigmoid(-2) = 2.1269280; derivative of it
  // 0.02 * 4 = 0.08 for both.
  std::array<float, 2> d{}, plain{};
  const auto stats = BradleyTerryLoss(std::array{1.0f, 3.0f}, 0, 1, {0.01f}, d);
  EXPECT_NEAR(stats.loss, 2.1269280 + 0.16, 1e-6);
  BradleyTerryLoss(std::array{1.0f, 3.0f}, 0, 1, kNoCentering, plain);
  EXPECT_NEAR(d[0] - plain[0], 0.08, 1e-6);
  EXPECT_NEAR(d[1] - plain[1], 0.08, 1e-6);
  EXPECT_EQ(stats.num_right, 0);
}

TEST(PreferenceLosses, FarApartScoresDontOverflow) {
  std::array<float, 2> d{};
  EXPECT_NEAR(BradleyTerryLoss(std::array{-1e4f, 1e4f}, 0, 1, kNoCentering, d).loss, 2e4, 1e-6);
  EXPECT_EQ(d[0], -1.0f);
  EXPECT_EQ(BradleyTerryLoss(std::array{1e4f, -1e4f}, 0, 1, kNoCentering, d).loss, 0.0);
  EXPECT_EQ(d[0], 0.0f);
  std::array<float, 3> many{};
  EXPECT_NEAR(PlackettLuceLoss(std::array{-1e4f, 0.0f, 1e4f}, 1, kNoCentering, many).loss, 3e4,
              1e-6);
}

TEST(PreferenceLosses, EqualScoresCountHalf) {
  std::array<float, 2> d{};
  EXPECT_EQ(BradleyTerryLoss(std::array{1.0f, 1.0f}, 0, 1, kNoCentering, d).num_right, 0.5);
}

// Scores 2, 1, 0: differences 1, 2, 1, and -log sigmoid of them 0.3132617, 0.1269280, 0.3132617;
// a third of the sum is 0.2511505. Derivatives, with sigmoid(-1) = 0.2689414 and sigmoid(-2) =
// 0.1192029: first -(0.2689414 + 0.1192029) / 3, second 0, last the opposite of the first.
TEST(PreferenceLosses, AllPairsByHand) {
  std::array<float, 3> d{};
  const auto stats = AllPairsLoss(std::array{2.0f, 1.0f, 0.0f}, 1, kNoCentering, d);
  EXPECT_NEAR(stats.loss, 0.2511505, 1e-7);
  EXPECT_NEAR(d[0], -0.1293814, 1e-7);
  EXPECT_NEAR(d[1], 0.0, 1e-7);
  EXPECT_NEAR(d[2], 0.1293814, 1e-7);
  EXPECT_EQ(stats.num_pairs, 3);
  std::array<float, 2> pair{}, plain{};
  const std::array two{0.3f, -0.2f};
  EXPECT_DOUBLE_EQ(AllPairsLoss(two, 4, {0.01f}, pair).loss,
                   BradleyTerryLoss(two, 0, 4, {0.01f}, plain).loss);
  EXPECT_EQ(pair, plain);
}

TEST(PreferenceLosses, PlackettLuceByHand) {
  // Scores log 3, log 2, log 1: p = 3/6 * 2/3 * 1 = 1/3, so the loss is log 3.
  // Derivatives: first 3/6 - 1 = -1/2; second 2/6 + 2/3 - 1 = 0; last 1/6 + 1/3 + 1 - 1 = 1/2.
  const std::array scores{std::log(3.0f), std::log(2.0f), 0.0f};
  std::array<float, 3> d{};
  const auto stats = PlackettLuceLoss(scores, 1, kNoCentering, d);
  EXPECT_NEAR(stats.loss, std::log(3.0), 1e-6);
  EXPECT_NEAR(d[0], -0.5, 1e-6);
  EXPECT_NEAR(d[1], 0.0, 1e-6);
  EXPECT_NEAR(d[2], 0.5, 1e-6);
  EXPECT_EQ(stats.num_pairs, 3);
  EXPECT_EQ(stats.num_right, 3);
}

TEST(PreferenceLosses, ARankingOfTwoIsAPair) {
  const std::array scores{0.3f, 1.1f};
  std::array<float, 2> pair{}, ranking{};
  const double a = BradleyTerryLoss(scores, 0, 3, {0.01f}, pair).loss;
  const double b = PlackettLuceLoss(scores, 3, {0.01f}, ranking).loss;
  EXPECT_NEAR(a, b, 1e-12);
  EXPECT_NEAR(pair[0], ranking[0], 1e-7);
  EXPECT_NEAR(pair[1], ranking[1], 1e-7);
}

// Central differences of the loss by every score.
void ExpectDerivative(std::vector<float> scores,
                      const std::function<double(std::span<const float>, std::span<float>)>& loss) {
  std::vector<float> d(scores.size()), ignored(scores.size());
  loss(scores, d);
  for (size_t i = 0; i < scores.size(); ++i) {
    const float at = scores[i], step = 1.0f / 64;
    scores[i] = at + step;
    const double above = loss(scores, ignored);
    scores[i] = at - step;
    const double below = loss(scores, ignored);
    scores[i] = at;
    EXPECT_NEAR(d[i], (above - below) / (2 * static_cast<double>(step)), 1e-4) << i;
  }
}

TEST(PreferenceLosses, DerivativesAreThoseOfTheLoss) {
  ExpectDerivative({0.7f, -0.4f}, [](auto scores, auto d) {
    return BradleyTerryLoss(scores, 0.3, 2, {0.05f}, d).loss;
  });
  ExpectDerivative({0.7f, -0.4f, 1.5f, 0.1f, -2.0f}, [](auto scores, auto d) {
    return PlackettLuceLoss(scores, 2, {0.05f}, d).loss;
  });
  ExpectDerivative({0.7f, -0.4f, 1.5f, 0.1f, -2.0f},
                   [](auto scores, auto d) { return AllPairsLoss(scores, 2, {0.05f}, d).loss; });
}

}  // namespace
}  // namespace agon::trainer
