// Robust covariance: clusters, both ways at once, and how often intervals hold the truth.
#include <gtest/gtest.h>

#include <cmath>

#include "arena/ratings.h"
#include "core/rng.h"

namespace agon::arena {
namespace {

std::vector<Comparison> Repeat(const Comparison& vote, int count) {
  return std::vector<Comparison>(static_cast<size_t>(count), vote);
}

// Two contestants, w wins of n votes: d = logit(w / n), model variance 1 / (n p q). Votes that
// are clusters of their own have the same robust variance, times n / (n - 1). If every vote
// comes k times from one voter, the variance is k times as large.
TEST(SandwichTest, CountsWhatGoesTogetherOnce) {
  std::vector<Comparison> votes;
  for (uint64_t voter = 0; voter < 20; ++voter) {
    Comparison vote{0, 1, voter % 4 == 0 ? Outcome::kWinB : Outcome::kWinA};
    vote.voter = voter;
    vote.prompt = 7;
    for (const Comparison& one : Repeat(vote, 5)) votes.push_back(one);
  }
  const Fit fit = FitBradleyTerry(2, CountPairs(votes));
  const double information = 100 * 0.75 * 0.25;
  EXPECT_NEAR(DifferenceError(fit.covariance, 2, 0, 1), 1 / std::sqrt(information), 1e-9);
  const Covariance none = SandwichCovariance(fit, votes, Clusters::kNone);
  EXPECT_EQ(none.num_clusters, 100);
  EXPECT_NEAR(DifferenceError(none.values, 2, 0, 1), std::sqrt(100.0 / 99 / information), 1e-9);
  const Covariance voters = SandwichCovariance(fit, votes, Clusters::kVoter);
  EXPECT_EQ(voters.num_clusters, 20);
  EXPECT_NEAR(DifferenceError(voters.values, 2, 0, 1), std::sqrt(5 * 20.0 / 19 / information),
              1e-9);
  // One prompt alone tells nothing of other prompts.
  EXPECT_TRUE(std::isnan(SandwichCovariance(fit, votes, Clusters::kPrompt).values[0]));
}

// 400 votes of 20 voters on 25 prompts, three in five for the first of two.
std::vector<Comparison> VotesOnPrompts() {
  std::vector<Comparison> votes;
  Rng rng({.run_seed = 3});
  for (int i = 0; i < 400; ++i) {
    Comparison vote{0, 1, rng.Uniform() < 0.6 ? Outcome::kWinA : Outcome::kWinB};
    vote.voter = rng.Below(20);
    vote.prompt = rng.Below(25);
    votes.push_back(vote);
  }
  return votes;
}

TEST(SandwichTest, AddsBothKindsOfClustersAndTakesOffWhatTheyShare) {
  const std::vector<Comparison> votes = VotesOnPrompts();
  const Fit fit = FitBradleyTerry(2, CountPairs(votes));
  const auto variance = [&](Clusters clusters) {
    return std::pow(DifferenceError(SandwichCovariance(fit, votes, clusters).values, 2, 0, 1), 2);
  };
  std::vector<Comparison> cells = votes;
  for (Comparison& vote : cells) vote.voter = vote.voter * 100 + vote.prompt;
  const double both = std::pow(
      DifferenceError(SandwichCovariance(fit, cells, Clusters::kVoter).values, 2, 0, 1), 2);
  EXPECT_NEAR(variance(Clusters::kVoterAndPrompt),
              variance(Clusters::kVoter) + variance(Clusters::kPrompt) - both, 1e-12);
}

// Contestant 2 met nobody, so its variance is 0: that says nothing about the other two.
TEST(SandwichTest, LooksAtDifferencesWithinAComponentOnly) {
  const std::vector<Comparison> votes = VotesOnPrompts();
  const auto error = [&](int n) {
    const Fit fit = FitBradleyTerry(n, CountPairs(votes));
    const Covariance robust = SandwichCovariance(fit, votes, Clusters::kVoterAndPrompt);
    return DifferenceError(robust.values, n, 0, 1);
  };
  EXPECT_NEAR(error(3), error(2), 1e-12);
}

// Few votes: the two-way variance of some difference is often negative, even where those of all
// strengths are positive; then the larger of the two stands in.
TEST(SandwichTest, NeverTakesANegativeVarianceForCertainty) {
  Rng rng({.run_seed = 8});
  int num_replaced = 0;
  for (int arena = 0; arena < 200; ++arena) {
    std::vector<Comparison> votes;
    for (int i = 0; i < 14; ++i) {
      Comparison vote;
      vote.a = static_cast<int>(rng.Below(4));
      vote.b = (vote.a + 1 + static_cast<int>(rng.Below(3))) % 4;
      vote.outcome = rng.Below(2) == 0 ? Outcome::kWinA : Outcome::kWinB;
      vote.voter = rng.Below(3);
      vote.prompt = rng.Below(3);
      votes.push_back(vote);
    }
    const Fit fit = FitBradleyTerry(4, CountPairs(votes), {.prior_sd = kBoardPriorSd});
    const auto values = SandwichCovariance(fit, votes, Clusters::kVoterAndPrompt).values;
    const auto voter = SandwichCovariance(fit, votes, Clusters::kVoter).values;
    const auto prompt = SandwichCovariance(fit, votes, Clusters::kPrompt).values;
    num_replaced += values == voter || values == prompt;
    for (int i = 0; i < 4; ++i) {
      for (int j = 0; j < i; ++j) {
        const auto a = static_cast<size_t>(i), b = static_cast<size_t>(j);
        if (fit.component[a] != fit.component[b]) continue;
        EXPECT_GE(values[5 * a] + values[5 * b] - 2 * values[4 * a + b], -1e-12) << arena;
      }
    }
  }
  EXPECT_GT(num_replaced, 5);
}

// Strengths, voters with tastes of their own, prompts that suit some contestants: what an
// interval has to live with.
std::vector<Comparison> SimulateArena(uint64_t seed, std::span<const double> strength) {
  Rng rng({.run_seed = seed});
  std::vector<Comparison> votes;
  const uint64_t n = strength.size();
  for (uint64_t voter = 0; voter < 80; ++voter) {
    std::vector<double> taste(n);
    for (double& t : taste) t = 0.7 * rng.Normal();
    for (int k = 0; k < 20; ++k) {
      Comparison vote;
      vote.a = static_cast<int>(rng.Below(n));
      vote.b = static_cast<int>((static_cast<uint64_t>(vote.a) + 1 + rng.Below(n - 1)) % n);
      vote.voter = voter;
      vote.prompt = rng.Next64();
      const auto a = static_cast<size_t>(vote.a), b = static_cast<size_t>(vote.b);
      const double d = strength[a] + taste[a] - strength[b] - taste[b];
      vote.outcome = rng.Uniform() < 0.2                      ? Outcome::kTie
                     : rng.Uniform() < 1 / (1 + std::exp(-d)) ? Outcome::kWinA
                                                              : Outcome::kWinB;
      votes.push_back(vote);
    }
  }
  return votes;
}

// Share of 95 % intervals of differences to the first that hold the truth, which is what an
// endless arena of such voters would say.
double Coverage(int num_arenas, Clusters clusters) {
  const std::vector<double> strength = {0.6, 0.2, 0, -0.2, -0.6};
  std::vector<Comparison> endless;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const auto votes = SimulateArena(1000000 + seed, strength);
    endless.insert(endless.end(), votes.begin(), votes.end());
  }
  const Fit truth = FitBradleyTerry(5, CountPairs(endless));
  int covered = 0;
  for (int arena = 0; arena < num_arenas; ++arena) {
    const auto votes = SimulateArena(static_cast<uint64_t>(arena), strength);
    const Fit fit = FitBradleyTerry(5, CountPairs(votes));
    const Covariance covariance = SandwichCovariance(fit, votes, clusters);
    for (size_t i = 1; i < 5; ++i) {
      const double miss =
          (fit.strength[i] - fit.strength[0]) - (truth.strength[i] - truth.strength[0]);
      // Student's 97.5 % quantile with 79 degrees of freedom is 1.990.
      covered +=
          std::abs(miss) <= 1.990 * DifferenceError(covariance.values, 5, static_cast<int>(i), 0);
    }
  }
  return covered / (4.0 * num_arenas);
}

TEST(SandwichTest, IntervalsHoldTheTruthAsOftenAsTheySay) {
  const double clustered = Coverage(300, Clusters::kVoter);
  EXPECT_GT(clustered, 0.93);
  EXPECT_LT(clustered, 0.97);
  // Taking all votes for independent doesn't.
  EXPECT_LT(Coverage(300, Clusters::kNone), 0.92);
}

}  // namespace
}  // namespace agon::arena
