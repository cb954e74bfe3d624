#include "arena/ratings.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "arena/ratings/binomial.h"
#include "core/rng.h"
#include "tests/error_of.h"

namespace agon::arena {
namespace {

// The worked example of arena-rank's tests and of Wikipedia's "Bradley-Terry model".
const std::vector<PairCount> kFourPlayers = {
    {0, 1, 2, 3, 0}, {0, 3, 1, 4, 0}, {1, 2, 5, 3, 0}, {2, 3, 1, 3, 0}};

TEST(BradleyTerryTest, RatesFourPlayers) {
  const Fit fit = FitBradleyTerry(4, kFourPlayers);
  const double expected[] = {0.6398, 1.0433, 0.6598, 2.2704};
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(std::exp(fit.strength[i]), expected[i], 5e-5);
  EXPECT_NEAR(std::accumulate(fit.strength.begin(), fit.strength.end(), 0.0), 0, 1e-12);
  EXPECT_TRUE(fit.is_finite);
  EXPECT_LT(fit.num_iterations, 10);
}

// Citations among four journals (Stigler 1994; Agresti 2013): the values of R's BradleyTerry2,
// relative to Biometrika.
TEST(BradleyTerryTest, RatesJournalsByCitations) {
  const double cited[4][4] = {
      {0, 730, 498, 221}, {33, 0, 68, 17}, {320, 813, 0, 142}, {284, 276, 325, 0}};
  std::vector<PairCount> pairs;
  for (int i = 0; i < 4; ++i) {
    for (int j = i + 1; j < 4; ++j) pairs.push_back({i, j, cited[i][j], cited[j][i], 0});
  }
  const Fit fit = FitBradleyTerry(4, pairs);
  const double beta[] = {0, -2.94907, -0.47957, 0.26895};
  const double error[] = {0, 0.10255, 0.06059, 0.07083};
  for (int i = 0; i < 4; ++i) {
    EXPECT_NEAR(fit.strength[static_cast<size_t>(i)] - fit.strength[0], beta[i], 5e-6);
    EXPECT_NEAR(DifferenceError(fit.covariance, 4, i, 0), error[i], 5e-6);
  }
}

// Two contestants: sigma(d) = points share. Half wins of 4-2-2: (4 + 1) / 8, d = ln(5 / 3).
TEST(BradleyTerryTest, CountsATieAsHalfAWin) {
  const Fit fit = FitBradleyTerry(2, std::vector<PairCount>{{0, 1, 4, 2, 2}});
  EXPECT_NEAR(fit.strength[0] - fit.strength[1], std::log(5.0 / 3), 1e-12);
  EXPECT_EQ(fit.tie_parameter, 0);
}

// P(a) = 4/8, P(b) = 2/8, P(tie) = 2/8 are matched exactly by two parameters:
// Rao-Kupper: d - eta = logit(1/2) = 0, -d - eta = logit(1/4) = -ln 3, so d = eta = ln(3) / 2.
// Davidson: exp(d) = P(a) / P(b) = 2, nu = P(tie) / sqrt(P(a) P(b)) = (1/4) / sqrt(1/8).
TEST(BradleyTerryTest, FitsTiesByTheirOwnParameter) {
  const std::vector<PairCount> pairs = {{0, 1, 4, 2, 2}};
  const Fit rao_kupper = FitBradleyTerry(2, pairs, {.ties = TieModel::kRaoKupper});
  EXPECT_NEAR(rao_kupper.strength[0] - rao_kupper.strength[1], std::log(3.0) / 2, 1e-10);
  EXPECT_NEAR(rao_kupper.tie_parameter, std::log(3.0) / 2, 1e-10);
  const Fit davidson = FitBradleyTerry(2, pairs, {.ties = TieModel::kDavidson});
  EXPECT_NEAR(davidson.strength[0] - davidson.strength[1], std::log(2.0), 1e-10);
  EXPECT_NEAR(davidson.tie_parameter, 0.25 / std::sqrt(0.125), 1e-10);
}

TEST(BradleyTerryTest, TieModelsAgreeWhereThereAreNoTies) {
  const Fit plain = FitBradleyTerry(4, kFourPlayers);
  for (const TieModel ties : {TieModel::kRaoKupper, TieModel::kDavidson}) {
    const Fit fit = FitBradleyTerry(4, kFourPlayers, {.ties = ties});
    EXPECT_EQ(fit.strength, plain.strength);
    EXPECT_EQ(fit.tie_parameter, 0);
  }
}

TEST(BradleyTerryTest, TellsWhatVerdictsCannotLink) {
  // 0-1 and 2-3 met, 4 met nobody.
  const Fit fit = FitBradleyTerry(5, std::vector<PairCount>{{0, 1, 3, 1, 0}, {2, 3, 1, 1, 0}});
  EXPECT_EQ(fit.component, (std::vector<int>{0, 0, 1, 1, 2}));
  EXPECT_TRUE(fit.is_finite);
  EXPECT_NEAR(fit.strength[0], std::log(3.0) / 2, 1e-12);
  EXPECT_NEAR(fit.strength[1], -std::log(3.0) / 2, 1e-12);
  EXPECT_NEAR(fit.strength[2], 0, 1e-12);
  EXPECT_NEAR(fit.strength[4], 0, 1e-12);
  // Nobody can be told apart across components.
  const auto ranks = RankIntervals(fit, fit.covariance, 0.1, std::vector<size_t>{0, 1, 2, 3, 4});
  EXPECT_EQ(ranks[0].best, 1);
  EXPECT_EQ(ranks[0].worst, 4);
  EXPECT_EQ(ranks[4].best, 1);
  EXPECT_EQ(ranks[4].worst, 5);
}

TEST(BradleyTerryTest, TellsWhereStrengthsAreNotFinite) {
  // 0 won all its games, so did {0, 1} against {2, 3}.
  const std::vector<PairCount> pairs = {{0, 1, 3, 0, 0}, {1, 2, 4, 0, 0}, {2, 3, 2, 2, 0}};
  const Fit fit = FitBradleyTerry(4, pairs);
  EXPECT_FALSE(fit.is_finite);
  EXPECT_EQ(fit.component, (std::vector<int>{0, 0, 0, 0}));
  EXPECT_EQ(fit.group[2], fit.group[3]);
  EXPECT_NE(fit.group[0], fit.group[1]);
  EXPECT_NE(fit.group[1], fit.group[2]);
  for (const double strength : fit.strength) EXPECT_TRUE(std::isfinite(strength));
  // With a prior everything is finite, and in order. One tie would do as well.
  const Fit prior = FitBradleyTerry(4, pairs, {.prior_sd = 2});
  EXPECT_GT(prior.strength[0], prior.strength[1]);
  EXPECT_GT(prior.strength[1], prior.strength[2] + 0.5);
  EXPECT_LT(prior.strength[0], 6);
  std::vector<PairCount> tied = pairs;
  tied[0].ties = tied[1].ties = 1;
  EXPECT_TRUE(FitBradleyTerry(4, tied).is_finite);
}

// 0 has only won, 3 of many verdicts: the Hessian is singular to rounding where it is largest.
TEST(BradleyTerryTest, HoldsWhoOnlyWonByAWidePrior) {
  for (const double many : {1.0, 4e2, 4e6, 4e8, 4e11}) {
    const std::vector<PairCount> pairs = {{0, 1, 3, 0, 0}, {1, 2, many, many, 0}};
    const Fit fit = FitBradleyTerry(3, pairs);
    EXPECT_FALSE(fit.is_finite);
    EXPECT_EQ(fit.prior_sd, kWidePriorSd);
    EXPECT_GT(fit.strength[0], fit.strength[1] + 2) << many;
    EXPECT_LT(fit.strength[0], 10) << many;
    EXPECT_GT(fit.covariance[0], 0) << many;
  }
  // One verdict that was almost weightless is still a verdict: d = log(1e6 / 4e-4) = 21.6.
  const Fit lopsided = FitBradleyTerry(2, std::vector<PairCount>{{0, 1, 1e6, 4e-4, 0}});
  EXPECT_TRUE(lopsided.is_finite);
  EXPECT_EQ(lopsided.prior_sd, 0);
  EXPECT_NEAR(lopsided.strength[0] - lopsided.strength[1], std::log(1e6 / 4e-4), 1e-6);
}

// One win and one tie: P(win) = P(tie) = 1/2 is approached as d = 2 log nu (or d = eta) grows
// without end. In a circle that has more wins than ties it can't.
TEST(BradleyTerryTest, TellsWhereATieParameterIsNotFinite) {
  for (const TieModel ties : {TieModel::kRaoKupper, TieModel::kDavidson}) {
    const Fit open = FitBradleyTerry(2, std::vector<PairCount>{{0, 1, 1, 0, 1}}, {.ties = ties});
    EXPECT_FALSE(open.is_finite);
    EXPECT_GT(open.strength[0], 0);
    EXPECT_LT(open.strength[0], 10);
    EXPECT_TRUE(std::isfinite(open.tie_parameter));
    const Fit chain = FitBradleyTerry(3, std::vector<PairCount>{{0, 1, 5, 0, 3}, {1, 2, 5, 0, 3}},
                                      {.ties = ties});
    EXPECT_FALSE(chain.is_finite);
    const Fit circle = FitBradleyTerry(
        3, std::vector<PairCount>{{0, 1, 1, 0, 1}, {1, 2, 1, 0, 1}, {0, 2, 0, 0, 1}},
        {.ties = ties});
    EXPECT_TRUE(circle.is_finite);
    EXPECT_EQ(circle.prior_sd, 0);
  }
}

// With a prior of deviation s and one win: minimise log(1 + exp(-d)) + d^2 / (4 s^2), as each
// strength is d / 2 from the mean. At s = 1: 1 / (1 + exp(d)) = d / 2, d = 0.8745 by bisection.
TEST(BradleyTerryTest, PriorPullsTowardsTheMean) {
  const Fit fit = FitBradleyTerry(2, std::vector<PairCount>{{0, 1, 1, 0, 0}}, {.prior_sd = 1});
  const double d = fit.strength[0] - fit.strength[1];
  EXPECT_NEAR(1 / (1 + std::exp(d)), d / 2, 1e-12);
  EXPECT_NEAR(fit.strength[0] + fit.strength[1], 0, 1e-12);
}

TEST(BradleyTerryTest, HoldsWithoutVerdictsAndRefusesNonsense) {
  const Fit fit = FitBradleyTerry(3, {});
  EXPECT_EQ(fit.strength, (std::vector<double>{0, 0, 0}));
  EXPECT_TRUE(FitBradleyTerry(0, {}).strength.empty());
  EXPECT_NE(ErrorOf(
                [] {
                  FitBradleyTerry(2, std::vector<PairCount>{{0, 1, -1, 0, 0}});
                },
                ErrorKind::kUsage),
            "");
}

TEST(CountPairsTest, MergesBothOrders) {
  const std::vector<Comparison> votes = {{1, 0, Outcome::kWinA},
                                         {0, 1, Outcome::kWinA},
                                         {0, 1, Outcome::kBothBad, 0.5},
                                         {2, 1, Outcome::kWinB}};
  const auto pairs = CountPairs(votes);
  ASSERT_EQ(pairs.size(), 2u);
  EXPECT_EQ(pairs[0].a_wins, 1);
  EXPECT_EQ(pairs[0].b_wins, 1);
  EXPECT_EQ(pairs[0].ties, 0.5);
  EXPECT_EQ(pairs[1].a, 1);
  EXPECT_EQ(pairs[1].a_wins, 1);
}

TEST(BootstrapTest, SpreadsAsTheCovarianceSays) {
  const std::vector<PairCount> pairs = {{0, 1, 60, 40, 0}, {0, 2, 70, 30, 0}, {1, 2, 55, 45, 0}};
  const Fit fit = FitBradleyTerry(3, pairs);
  constexpr int kSamples = 4000;
  const auto samples = BootstrapStrengths(fit, pairs, kSamples, 11);
  ASSERT_EQ(samples.size(), 3u * kSamples);
  for (size_t i = 0; i < 3; ++i) {
    double mean = 0, variance = 0;
    for (size_t s = 0; s < kSamples; ++s) mean += samples[3 * s + i] / kSamples;
    for (size_t s = 0; s < kSamples; ++s) {
      variance += std::pow(samples[3 * s + i] - mean, 2) / (kSamples - 1);
    }
    EXPECT_NEAR(mean, fit.strength[i], 0.02);
    // A deviation of 4000 samples is known to 1.1 %.
    EXPECT_NEAR(std::sqrt(variance / fit.covariance[4 * i]), 1, 0.05);
  }
  // A sample belongs to its number and the seed.
  const auto fewer = BootstrapStrengths(fit, pairs, 10, 11);
  EXPECT_TRUE(std::equal(fewer.begin(), fewer.end(), samples.begin()));
  EXPECT_NE(BootstrapStrengths(fit, pairs, 1, 12)[0], samples[0]);
}

TEST(BinomialTest, HasTheRightMoments) {
  Rng rng({.run_seed = 5});
  for (const auto& [n, p] : {std::pair<int64_t, double>{5, 0.3},
                             {1000, 0.004},
                             {1000, 0.3},
                             {1000000, 0.00003},
                             {1000000, 0.9},
                             {40, 0.5}}) {
    const double mean = static_cast<double>(n) * p, variance = mean * (1 - p);
    constexpr int kDraws = 20000;
    double sum = 0, squares = 0;
    for (int i = 0; i < kDraws; ++i) {
      const int64_t k = DrawBinomial(rng, n, p);
      ASSERT_GE(k, 0);
      ASSERT_LE(k, n);
      sum += static_cast<double>(k);
      squares += std::pow(static_cast<double>(k) - mean, 2);
    }
    // Five standard errors; a binomial's fourth moment is near 3 variance^2 + variance.
    EXPECT_NEAR(sum / kDraws, mean, 5 * std::sqrt(variance / kDraws)) << n << " " << p;
    EXPECT_NEAR(squares / kDraws, variance,
                5 * std::sqrt((2 * variance * variance + variance) / kDraws))
        << n << " " << p;
  }
  EXPECT_EQ(DrawBinomial(rng, 10, 0), 0);
  EXPECT_EQ(DrawBinomial(rng, 10, 1), 10);
}

// Significance comes from the difference's own error, not from intervals that overlap.
TEST(RankTest, BoundsRanksBySignificantDifferences) {
  // a beats b 70:30, b beats c 55:45, a beats c 72:28; se of a difference is about 0.19 nats.
  const std::vector<PairCount> pairs = {{0, 1, 70, 30, 0}, {0, 2, 72, 28, 0}, {1, 2, 55, 45, 0}};
  const Fit fit = FitBradleyTerry(3, pairs);
  const auto ranks = RankIntervals(fit, fit.covariance, 1.96, std::vector<size_t>{0, 1, 2});
  EXPECT_EQ(ranks[0].best, 1);
  EXPECT_EQ(ranks[0].worst, 1);
  EXPECT_EQ(ranks[1].best, 2);
  EXPECT_EQ(ranks[1].worst, 3);
  EXPECT_EQ(ranks[2].best, 2);
  EXPECT_EQ(ranks[2].worst, 3);
  // Among two of them, in the order asked for.
  const auto two = RankIntervals(fit, fit.covariance, 1.96, std::vector<size_t>{2, 0});
  ASSERT_EQ(two.size(), 2u);
  EXPECT_EQ(two[0].best, 2);
  EXPECT_EQ(two[1].worst, 1);
  // No variance is no certainty.
  const std::vector<double> nothing(9, 0.0);
  EXPECT_TRUE(std::isnan(DifferenceError(nothing, 3, 0, 1)));
  EXPECT_EQ(DifferenceError(nothing, 3, 1, 1), 0);
  EXPECT_EQ(RankIntervals(fit, nothing, 1.96, std::vector<size_t>{0, 1, 2})[0].worst, 3);
}

// p (1 - p) = 1/4 between equals after n votes: V = 4 / n, and one more makes it 4 / (n + 1).
TEST(NextPairTest, GainsMostWhereLeastIsKnown) {
  const std::vector<PairCount> pairs = {{0, 1, 8, 8, 0}};
  const Fit fit = FitBradleyTerry(3, pairs);
  const auto next = MostInformativePairs(fit, std::vector<uint8_t>{1, 1, 1}, 10);
  ASSERT_EQ(next.size(), 3u);
  EXPECT_TRUE(std::isinf(next[0].gain));  // 2 has met nobody
  EXPECT_EQ(next[2].a, 0);
  EXPECT_EQ(next[2].b, 1);
  EXPECT_NEAR(next[2].gain, std::sqrt(4.0 / 16) - std::sqrt(4.0 / 17), 1e-12);
  EXPECT_EQ(MostInformativePairs(fit, std::vector<uint8_t>{1, 1, 0}, 10).size(), 1u);
}

TEST(StyleTest, CountsWhatAReaderSees) {
  const Style style = StyleOf(
      "# Title\n\nSome **bold** and __strong__ text.\n- one\n* two\n 3. three\n"
      "```\n# no header\n- no item\n```\n####### seven\n**open");
  EXPECT_EQ(style[1], 1);
  EXPECT_EQ(style[2], 3);
  EXPECT_EQ(style[3], 2);
  EXPECT_EQ(StyleOf(""), Style{});
  EXPECT_EQ(StyleOf("two words")[0], 2);
  // (3 - 1) / (3 + 1 + 1)
  EXPECT_DOUBLE_EQ(StyleDifference({3, 0, 0, 0}, {1, 0, 0, 0})[0], 0.4);
}

// Equal contestants; the longer reply wins with log-odds 1 per unit. One of them writes long
// replies, and seems stronger until length is accounted for.
TEST(StyleTest, TellsStrengthFromLength) {
  Rng rng({.run_seed = 9});
  std::vector<Comparison> votes;
  for (int i = 0; i < 20000; ++i) {
    Comparison vote;
    vote.a = static_cast<int>(rng.Below(3));
    vote.b = (vote.a + 1 + static_cast<int>(rng.Below(2))) % 3;
    const auto length = [&](int who) { return (who == 0 ? 0.8 : 0.0) + rng.Normal(); };
    vote.style[0] = length(vote.a) - length(vote.b);
    vote.outcome =
        rng.Uniform() < 1 / (1 + std::exp(-vote.style[0])) ? Outcome::kWinA : Outcome::kWinB;
    votes.push_back(vote);
  }
  const Fit plain = FitBradleyTerry(3, CountPairs(votes));
  EXPECT_GT(plain.strength[0] - plain.strength[1], 0.4);
  const Fit fit = FitWithStyle(3, votes);
  EXPECT_NEAR(fit.strength[0] - fit.strength[1], 0, 0.12);
  EXPECT_NEAR(fit.style[0] / fit.style_scale[0], 1, 0.06);
  EXPECT_NEAR(fit.style[1], 0, 1e-9);
  const Covariance robust = SandwichCovariance(fit, votes, Clusters::kNone);
  EXPECT_NEAR(DifferenceError(robust.values, 3, 0, 1) / DifferenceError(fit.covariance, 3, 0, 1), 1,
              0.05);
}

}  // namespace
}  // namespace agon::arena
