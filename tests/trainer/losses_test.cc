#include "trainer/losses.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "core/rng.h"

namespace agon::trainer {
namespace {

// Two rollouts: three tokens with advantage 1, two with advantage -0.5.
struct Example {
  std::vector<float> logprobs, rollout, ref, advantages{1, 1, 1, -0.5f, -0.5f};
  std::vector<uint8_t> mask{1, 1, 1, 1, 1};
  std::vector<int32_t> offsets{0, 3, 5};

  // Ratios 1, 1.5, 0.5 | 1, 0.5 by the tokens' log-ratios.
  Example() {
    for (const double ratio : {1.0, 1.5, 0.5, 1.0, 0.5}) {
      rollout.push_back(-1.0f);
      logprobs.push_back(static_cast<float>(-1.0 + std::log(ratio)));
    }
  }
  LossNormalizer Normalizer() const {
    LossNormalizer n;
    for (size_t i = 0; i + 1 < offsets.size(); ++i) {
      const int active =
          std::accumulate(mask.begin() + offsets[i], mask.begin() + offsets[i + 1], 0);
      n.num_tokens += active;
      n.num_trajectories += active > 0;
    }
    return n;
  }
  TokenBatch batch() const { return {logprobs, rollout, ref, advantages, mask, offsets}; }
  LossStats Run(const LossConfig& config, std::vector<float>& d) const {
    d.resize(logprobs.size());
    return PolicyLoss(batch(), config, Normalizer(), d);
  }
};

TEST(Losses, DapoByHand) {
  // low .2, high .28: min(rho A, clip A) = 1, 1.28, 0.5 | -0.5, -0.5 * 0.8 = -0.4 (min of
  // -0.25 and -0.4). Sum 1.88 over 5 tokens: loss -0.376. Clipped: tokens 2 and 5.
  std::vector<float> d;
  const LossStats stats = Example().Run({.kind = LossKind::kDapo}, d);
  EXPECT_NEAR(stats.loss, -0.376, 1e-6);
  EXPECT_EQ(stats.num_clipped, 2);
  EXPECT_EQ(stats.num_tokens, 5);
  EXPECT_NEAR(stats.ratio_max, 1.5, 1e-6);
  EXPECT_NEAR(stats.logprob_diff_max, std::log(2.0), 1e-6);
  // d = -rho A / 5 where not clipped.
  EXPECT_NEAR(d[0], -0.2, 1e-6);
  EXPECT_EQ(d[1], 0.0f);
  EXPECT_NEAR(d[2], -0.1, 1e-6);
  EXPECT_NEAR(d[3], 0.1, 1e-6);
  EXPECT_EQ(d[4], 0.0f);
}

TEST(Losses, GrpoAveragesEachRolloutFirst) {
  // clip .2/.2: 1, 1.2, 0.5 mean 0.9; -0.5, -0.4 mean -0.45; mean of both 0.225.
  std::vector<float> d;
  const LossStats stats =
      Example().Run({.kind = LossKind::kGrpo, .clip_low = 0.2f, .clip_high = 0.2f}, d);
  EXPECT_NEAR(stats.loss, -0.225, 1e-6);
  EXPECT_NEAR(d[0], -1.0 / 3 / 2, 1e-6);
  EXPECT_NEAR(d[3], 0.5 / 2 / 2, 1e-6);
}

TEST(Losses, GspoClipsTheSequence) {
  // Geometric means of the ratios: (1 * 1.5 * 0.5)^(1/3) = 0.908560, (0.5)^(1/2) = 0.707107.
  // A = 1: 0.908560 unclipped. A = -0.5: clipped at 0.8: -0.4. Mean 0.254280.
  std::vector<float> d;
  const LossStats stats =
      Example().Run({.kind = LossKind::kGspo, .clip_low = 0.2f, .clip_high = 0.2f}, d);
  EXPECT_NEAR(stats.loss, -0.254280, 1e-5);
  EXPECT_EQ(stats.num_clipped, 2);
  for (int t : {0, 1, 2}) EXPECT_NEAR(d[t], -0.908560 / 3 / 2, 1e-5);
  for (int t : {3, 4}) EXPECT_EQ(d[t], 0.0f);
}

TEST(Losses, CispoCapsTheWeightAndKeepsTheGradient) {
  // Weights min(rho, 1.2): 1, 1.2, 0.5 | 1, 0.5; d = -w A / 5.
  std::vector<float> d;
  const LossStats stats = Example().Run({.kind = LossKind::kCispo, .clip_high = 1.2f}, d);
  EXPECT_NEAR(d[1], -1.2 / 5, 1e-6);
  EXPECT_NEAR(d[4], 0.5 * 0.5 / 5, 1e-6);
  EXPECT_EQ(stats.num_clipped, 1);
}

TEST(Losses, ReinforceIgnoresTheRatio) {
  std::vector<float> d;
  Example().Run({.kind = LossKind::kReinforce}, d);
  for (int t : {0, 1, 2}) EXPECT_NEAR(d[t], -1.0 / 5, 1e-6);
  for (int t : {3, 4}) EXPECT_NEAR(d[t], 0.5 / 5, 1e-6);
}

TEST(Losses, OnPolicyRatiosAreOneAndNothingIsClipped) {
  Example e;
  e.logprobs = e.rollout;
  for (const auto kind : {LossKind::kGrpo, LossKind::kDapo, LossKind::kGspo, LossKind::kCispo}) {
    std::vector<float> d;
    const LossStats stats =
        e.Run({.kind = kind, .clip_high = kind == LossKind::kCispo ? 5.0f : 0.28f}, d);
    EXPECT_EQ(stats.ratio_max, 1.0);
    EXPECT_EQ(stats.num_clipped, 0);
    EXPECT_EQ(stats.logprob_diff_max, 0.0);
  }
}

TEST(Losses, KlEstimatorsByHand) {
  // log ratio to the reference d = 0.5: k1 0.5, k2 0.125, k3 e^-0.5 + 0.5 - 1 = 0.106531.
  EXPECT_NEAR(KlEstimate(KlEstimator::kK1, -1.0, -1.5), 0.5, 1e-12);
  EXPECT_NEAR(KlEstimate(KlEstimator::kK2, -1.0, -1.5), 0.125, 1e-12);
  EXPECT_NEAR(KlEstimate(KlEstimator::kK3, -1.0, -1.5), 0.106531, 1e-6);
  EXPECT_EQ(KlEstimate(KlEstimator::kNone, -1.0, -1.5), 0.0);
}

TEST(Losses, MaskedTokensCountNowhere) {
  // Without the second rollout the sums run over three tokens.
  Example e;
  e.mask = {1, 1, 1, 0, 0};
  std::vector<float> d;
  const LossStats stats = e.Run({.kind = LossKind::kDapo}, d);
  EXPECT_NEAR(stats.loss, -(1 + 1.28 + 0.5) / 3, 1e-6);
  EXPECT_EQ(stats.num_tokens, 3);
  EXPECT_EQ(d[3], 0.0f);
  EXPECT_EQ(d[4], 0.0f);
}

// In the loss an estimator is differentiated with the samples as they are. On average over what
// the policy p samples against the reference q that is, by the logit of token v,
//   k1: sum_t p_t (1[t = v] - p_v) = 0, which holds nothing back,
//   k2: sum_t p_t log(p_t / q_t) (1[t = v] - p_v), the gradient of KL(p | q),
//   k3: sum_t p_t (1 - q_t / p_t) (1[t = v] - p_v) = p_v - q_v, that of KL(q | p).
TEST(Losses, OnlyK2InTheLossHasTheGradientOfKl) {
  const std::vector<double> p = {0.5, 0.3, 0.2}, q = {0.2, 0.3, 0.5};
  const auto expected_gradient = [&](KlEstimator kl, size_t v) {
    double gradient = 0;
    for (size_t t = 0; t < 3; ++t) {
      const std::vector<float> logprob = {static_cast<float>(std::log(p[t]))},
                               ref = {static_cast<float>(std::log(q[t]))}, advantage = {0.0f};
      const std::vector<uint8_t> mask = {1};
      const std::vector<int32_t> offsets = {0, 1};
      std::vector<float> d(1);
      PolicyLoss({logprob, logprob, ref, advantage, mask, offsets}, {.kl = kl, .kl_coef = 1.0f},
                 {1, 1}, d);
      gradient += p[t] * static_cast<double>(d[0]) * ((t == v ? 1.0 : 0.0) - p[v]);
    }
    return gradient;
  };
  double kl = 0;
  for (size_t t = 0; t < 3; ++t) kl += p[t] * std::log(p[t] / q[t]);
  for (size_t v = 0; v < 3; ++v) {
    EXPECT_NEAR(expected_gradient(KlEstimator::kK1, v), 0.0, 1e-6);
    EXPECT_NEAR(expected_gradient(KlEstimator::kK2, v), p[v] * (std::log(p[v] / q[v]) - kl), 1e-6);
    EXPECT_NEAR(expected_gradient(KlEstimator::kK3, v), p[v] - q[v], 1e-6);
  }
}

TEST(Losses, MicroBatchesAddUpToTheWhole) {
  Example e;
  e.ref = {-1.2f, -0.7f, -1.0f, -2.0f, -0.9f};
  const LossNormalizer whole = e.Normalizer();
  for (const auto kind : {LossKind::kGrpo, LossKind::kDapo, LossKind::kGspo, LossKind::kCispo,
                          LossKind::kReinforce}) {
    const LossConfig config{.kind = kind, .kl = KlEstimator::kK3, .kl_coef = 0.1f};
    std::vector<float> d(5), first(3), second(2);
    const LossStats all = PolicyLoss(e.batch(), config, whole, d);
    const auto part = [&](size_t begin, size_t count, std::vector<int32_t> offsets,
                          std::vector<float>& out) {
      const auto cut = [&](const auto& v) { return std::span(v).subspan(begin, count); };
      return PolicyLoss(
          {cut(e.logprobs), cut(e.rollout), cut(e.ref), cut(e.advantages), cut(e.mask), offsets},
          config, whole, out);
    };
    LossStats sum = part(0, 3, {0, 3}, first);
    sum.Add(part(3, 2, {0, 2}, second));
    EXPECT_NEAR(sum.loss, all.loss, 1e-12);
    first.insert(first.end(), second.begin(), second.end());
    EXPECT_EQ(first, d);
  }
}

// Central differences of the loss by each log-probability, at random points off the kinks.
TEST(Losses, DerivativesEqualFiniteDifferences) {
  Rng rng({.run_seed = 1, .stream = RngStream::kTest});
  for (const auto kind :
       {LossKind::kGrpo, LossKind::kDapo, LossKind::kGspo, LossKind::kReinforce}) {
    for (const auto kl :
         {KlEstimator::kNone, KlEstimator::kK1, KlEstimator::kK2, KlEstimator::kK3}) {
      Example e;
      for (size_t t = 0; t < 5; ++t) {
        e.logprobs[t] = static_cast<float>(-1.0 + 0.3 * rng.Normal());
        e.ref.push_back(static_cast<float>(-1.0 + 0.3 * rng.Normal()));
      }
      const LossConfig config{
          .kind = kind, .kl = kl, .kl_coef = kl == KlEstimator::kNone ? 0 : 0.2f};
      std::vector<float> d, unused;
      e.Run(config, d);
      for (size_t t = 0; t < 5; ++t) {
        const float kept = e.logprobs[t];
        e.logprobs[t] = kept + 1e-3f;
        const double up_at = static_cast<double>(e.logprobs[t]), up = e.Run(config, unused).loss;
        e.logprobs[t] = kept - 1e-3f;
        const double down_at = static_cast<double>(e.logprobs[t]),
                     down = e.Run(config, unused).loss;
        e.logprobs[t] = kept;
        EXPECT_NEAR(d[t], (up - down) / (up_at - down_at), 2e-4) << "token " << t;
      }
    }
  }
}

}  // namespace
}  // namespace agon::trainer
