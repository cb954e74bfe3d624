#include "trainer/value.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

namespace agon::trainer {
namespace {

TEST(Value, GaeByHand) {
  // gamma 0.9, lambda 0.5, rewards 0 0 1, values 0.5 0.4 0.6.
  // delta = -0.5 + 0.9 * 0.4 = -0.14, -0.4 + 0.9 * 0.6 = 0.14, 1 - 0.6 = 0.4.
  // A = 0.4; 0.14 + 0.45 * 0.4 = 0.32; -0.14 + 0.45 * 0.32 = 0.004.
  std::array<double, 3> advantages{}, returns{};
  ComputeGae(std::array{0.0, 0.0, 1.0}, std::array{0.5f, 0.4f, 0.6f}, {0.9f, 0.5f}, advantages,
             returns);
  EXPECT_NEAR(advantages[2], 0.4, 1e-6);
  EXPECT_NEAR(advantages[1], 0.32, 1e-6);
  EXPECT_NEAR(advantages[0], 0.004, 1e-6);
  EXPECT_NEAR(returns[0], 0.504, 1e-6);
  EXPECT_NEAR(returns[1], 0.72, 1e-6);
  EXPECT_NEAR(returns[2], 1.0, 1e-6);
}

// lambda 1, gamma 1: the reward to come less the value, whatever values say in between.
TEST(Value, GaeWithLambdaOneIsMonteCarlo) {
  std::array<double, 3> advantages{}, returns{};
  ComputeGae(std::array{-0.1, 0.2, 1.0}, std::array{3.0f, -2.0f, 0.25f}, {1, 1}, advantages,
             returns);
  EXPECT_NEAR(returns[0], 1.1, 1e-6);
  EXPECT_NEAR(returns[1], 1.2, 1e-6);
  EXPECT_NEAR(advantages[1], 3.2, 1e-6);
}

// lambda 0: one step ahead.
TEST(Value, GaeWithLambdaZeroIsOneStep) {
  std::array<double, 2> advantages{}, returns{};
  ComputeGae(std::array{0.5, 1.0}, std::array{1.0f, 2.0f}, {1, 0}, advantages, returns);
  EXPECT_NEAR(advantages[0], 0.5 + 2.0 - 1.0, 1e-6);
  EXPECT_NEAR(advantages[1], -1.0, 1e-6);
}

TEST(Value, WhitensWhatIsNotMasked) {
  // 1 and 3: mean 2, deviation 1.
  std::array advantages{1.0, 100.0, 3.0};
  Whiten(advantages, std::array<uint8_t, 3>{1, 0, 1});
  EXPECT_NEAR(advantages[0], -1, 1e-6);
  EXPECT_EQ(advantages[1], 0);
  EXPECT_NEAR(advantages[2], 1, 1e-6);
}

TEST(Value, LossByHand) {
  // clip 0.2. Token 1: v 1.0, old 0.5, R 2: held 0.7, (-1.3)^2 > (-1)^2: clipped, 0.845.
  // Token 2: v 0.6, old 0.5, R 0: within, 0.18, derivative 0.6. Token 3 is masked.
  // Token 4: v 1.0, old 0.5, R 0: held 0.7 is nearer than 1, so v counts: 0.5, derivative 1.
  const std::array values{1.0f, 0.6f, 9.0f, 1.0f}, old{0.5f, 0.5f, 0.5f, 0.5f};
  std::array<float, 4> d{};
  const auto stats = ValueLoss(values, old, std::array{2.0, 0.0, 0.0, 0.0},
                               std::array<uint8_t, 4>{1, 1, 0, 1}, 0.2, 3, d);
  EXPECT_NEAR(stats.loss, (0.845 + 0.18 + 0.5) / 3, 1e-6);
  EXPECT_EQ(stats.num_clipped, 1);
  EXPECT_EQ(stats.num_tokens, 3);
  EXPECT_EQ(d[0], 0);
  EXPECT_NEAR(d[1], 0.2, 1e-6);
  EXPECT_EQ(d[2], 0);
  EXPECT_NEAR(d[3], 1.0 / 3, 1e-6);
}

TEST(Value, LossDerivativeByDifferences) {
  std::vector<float> values{0.3f, -0.2f, 0.9f}, d(3), ignored(3);
  const std::vector<float> old{0.25f, -0.5f, 0.85f};
  const std::vector<double> returns{1.0, -1.0, 0.5};
  const std::vector<uint8_t> mask{1, 1, 1};
  ValueLoss(values, old, returns, mask, 0.2, 3, d);
  for (size_t i = 0; i < values.size(); ++i) {
    const float at = values[i], step = 1.0f / 256;
    values[i] = at + step;
    const double above = ValueLoss(values, old, returns, mask, 0.2, 3, ignored).loss;
    values[i] = at - step;
    const double below = ValueLoss(values, old, returns, mask, 0.2, 3, ignored).loss;
    values[i] = at;
    EXPECT_NEAR(d[i], (above - below) * 128, 1e-4) << i;
  }
}

TEST(Value, ExplainedVariance) {
  // Returns 1 and 3 (variance 1), errors 0.5 and -0.5 (0.25): three quarters are known.
  std::array<float, 2> d{};
  const auto stats = ValueLoss(std::array{1.5f, 2.5f}, std::array{1.5f, 2.5f}, std::array{1.0, 3.0},
                               std::array<uint8_t, 2>{1, 1}, 0, 2, d);
  EXPECT_NEAR(stats.ExplainedVariance(), 0.75, 1e-6);
}

}  // namespace
}  // namespace agon::trainer
