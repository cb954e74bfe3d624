#include "arena/audit.h"

#include <gtest/gtest.h>

#include <cmath>

#include "arena/gate.h"
#include "arena/online.h"
#include "arena/sprt.h"
#include "core/rng.h"
#include "tests/error_of.h"

namespace agon::arena {
namespace {

TEST(FirstPlaceTest, CountsTheVerdictsThatWouldHaveToFlip) {
  // 55:45. Five flips make it 50:50.
  const std::vector<PairCount> pairs = {{0, 1, 55, 45, 0}};
  const auto first = VotesToFlipFirst(2, pairs, {});
  ASSERT_TRUE(first);
  EXPECT_EQ(first->leader, 0);
  EXPECT_EQ(first->rival, 1);
  EXPECT_EQ(first->num_flips, 5);
  EXPECT_EQ(first->num_verdicts, 100);
  // The bound is tight: the flips found do it, one fewer doesn't (by the number above).
  const Fit after = FitBradleyTerry(2, std::vector<PairCount>{{0, 1, 50, 50, 0}});
  EXPECT_NEAR(after.strength[0], after.strength[1], 1e-12);
}

TEST(FirstPlaceTest, FlipsTiesAndVerdictsOnOthersToo) {
  // Leader and rival never met: each beat 2. Taking the leader's wins away decides.
  const std::vector<PairCount> pairs = {{0, 2, 30, 10, 0}, {1, 2, 28, 12, 0}};
  const auto first = VotesToFlipFirst(3, pairs, {});
  ASSERT_TRUE(first);
  EXPECT_EQ(first->leader, 0);
  EXPECT_EQ(first->rival, 1);
  EXPECT_EQ(first->num_flips, 2);  // 28:12 against 28:12
  const auto ties = VotesToFlipFirst(2, std::vector<PairCount>{{0, 1, 1, 0, 9}}, {.prior_sd = 4});
  ASSERT_TRUE(ties);
  EXPECT_EQ(ties->num_flips, 1);
  EXPECT_FALSE(VotesToFlipFirst(2, {}, {}));
  EXPECT_FALSE(VotesToFlipFirst(1, {}, {}));
}

// 20,000 honest votes on five contestants, and 500 of hostile voters for the weakest.
struct RiggedArena {
  std::vector<Comparison> votes;
  int num_honest_voters = 0, num_hostile_voters = 0;
};

RiggedArena Rig(int votes_per_hostile_voter) {
  const double strength[] = {0.8, 0.4, 0, -0.4, -0.8};
  Rng rng({.run_seed = 21});
  RiggedArena arena;
  const auto battle = [&](uint64_t voter) {
    Comparison vote;
    vote.voter = voter;
    vote.a = static_cast<int>(rng.Below(5));
    vote.b = (vote.a + 1 + static_cast<int>(rng.Below(4))) % 5;
    const double d = strength[vote.a] - strength[vote.b];
    vote.outcome = rng.Uniform() < 1 / (1 + std::exp(-d)) ? Outcome::kWinA : Outcome::kWinB;
    return vote;
  };
  arena.num_honest_voters = 1000;
  for (int i = 0; i < 20000; ++i) arena.votes.push_back(battle(rng.Below(1000)));
  arena.num_hostile_voters = 500 / votes_per_hostile_voter;
  for (int i = 0; i < 500; ++i) {
    Comparison vote = battle(1000 + static_cast<uint64_t>(i / votes_per_hostile_voter));
    vote.a = 4;
    vote.b = static_cast<int>(rng.Below(4));
    vote.outcome = Outcome::kWinA;
    arena.votes.push_back(vote);
  }
  return arena;
}

TEST(VoterTest, FindsHostileVotersAndSparesHonestOnes) {
  const RiggedArena arena = Rig(20);
  const Fit fit = FitBradleyTerry(5, CountPairs(arena.votes));
  int num_hostile = 0, num_honest = 0;
  for (const auto& test : TestVoters(arena.votes, fit, 0.001)) {
    if (!test.is_outlier) continue;
    ++(test.voter >= 1000 ? num_hostile : num_honest);
  }
  EXPECT_EQ(num_hostile, arena.num_hostile_voters);
  EXPECT_LE(num_honest, 2);  // at most 0.1 % of 1,000, and then some luck
}

// A pair that stands 3:1, so p = 1/4 for an upset. Six upsets: the products of 1 / (2 p) are
// 2^6 and, of results at least as good, (1/2)^6. Of four bets "up with 1" and "down with 0" are
// (0.9 * 4)^6 each, their opposites (0.1 * 4)^6.
TEST(VoterTest, MultipliesProductsAndBets) {
  std::vector<Comparison> votes;
  for (uint64_t voter = 0; voter < 6; ++voter) {
    for (int k = 0; k < 6; ++k) {
      // Of 36 votes the last 9 are upsets: all six of voter 5, three of voter 4.
      const bool upset = voter == 5 || (voter == 4 && k >= 3);
      votes.push_back({0, 1, upset ? Outcome::kWinB : Outcome::kWinA, 1, voter});
    }
  }
  const Fit fit = FitBradleyTerry(2, CountPairs(votes));
  const auto tests = TestVoters(votes, fit, 0.05);
  ASSERT_EQ(tests.size(), 6u);
  const double products = (std::pow(2, 6) + std::pow(0.5, 6)) / 2;
  const double bets = (std::pow(3.6, 6) + std::pow(0.4, 6)) / 2;
  EXPECT_NEAR(tests[5].evidence, (products + bets) / 2, 1e-9);
  EXPECT_TRUE(tests[5].is_outlier);
  // Voter 4 begins like the others, and three upsets are not enough.
  EXPECT_FALSE(tests[4].is_outlier);
  EXPECT_FALSE(tests[0].is_outlier);
  // Too few votes are not tested, ties don't count.
  EXPECT_TRUE(TestVoters(std::span(votes).first(4), fit, 0.05).empty());
}

// A game that the weaker side always wins is a "voter" that contradicts everyone; it is none.
TEST(VoterTest, PassesOverMatches) {
  std::vector<Comparison> comparisons;
  for (uint64_t i = 0; i < 60; ++i) {
    comparisons.push_back({0, 1, Outcome::kWinA, 1, i % 6, i});
    Comparison match{0, 1, Outcome::kWinB, 1, 77, i};
    match.is_person = false;
    if (i % 3 == 0) comparisons.push_back(match);
  }
  const Fit fit = FitBradleyTerry(2, CountPairs(comparisons));
  const auto tests = TestVoters(comparisons, fit, 0.05);
  EXPECT_EQ(tests.size(), 6u);
  for (const VoterTest& test : tests) {
    EXPECT_LT(test.voter, 6u);
    EXPECT_FALSE(test.is_outlier);
  }
}

// The example of evalica's README, k = 30.
TEST(EloTest, MovesAsEvalicaDoes) {
  double ratings[] = {1000, 1000, 1000};
  const auto play = [&](int a, int b, Outcome outcome) {
    const double gain = EloGain(ratings[a], ratings[b], ScoreOfA(outcome), 30);
    ratings[a] += gain;
    ratings[b] -= gain;
  };
  play(0, 1, Outcome::kWinA);
  play(1, 2, Outcome::kWinB);
  play(0, 2, Outcome::kTie);
  EXPECT_NEAR(ratings[0], 1014.972058, 1e-6);
  EXPECT_NEAR(ratings[1], 970.647200, 1e-6);
  EXPECT_NEAR(ratings[2], 1014.380742, 1e-6);
}

// The self-test of fishtest's stat_util.py.
TEST(SprtTest, AgreesWithFishtest) {
  const SprtResult first = Sprt({10789, 19328, 33806, 19402, 10543},
                                {.elo0 = -3, .elo1 = 1, .model = EloModel::kLogistic});
  EXPECT_NEAR(first.llr, 2.13107, 5e-6);
  EXPECT_NEAR(first.elo, -0.774, 5e-4);
  EXPECT_NEAR(first.elo_error, 1.278, 5e-4);
  EXPECT_EQ(first.decision, SprtDecision::kMoreGames);
  EXPECT_NEAR(first.upper, 2.9444, 5e-5);
  EXPECT_NEAR(first.lower, -2.9444, 5e-5);
  const PairScores second = {39, 2226, 31451, 2412, 40};
  const SprtResult logistic = Sprt(second, {.elo0 = 0.2, .elo1 = 0.9});
  EXPECT_NEAR(logistic.llr, 2.16254, 5e-6);
  EXPECT_NEAR(logistic.elo, 0.903, 5e-4);
  EXPECT_NEAR(logistic.elo_error, 0.663, 5e-4);
  EXPECT_NEAR(Sprt(second, {.elo0 = 0.764, .elo1 = 3.439, .model = EloModel::kNormalized}).llr,
              2.16294, 5e-6);
}

TEST(SprtTest, PromotesRejectsOrAsksForMore) {
  EXPECT_EQ(Sprt({}, {}).decision, SprtDecision::kMoreGames);
  EXPECT_EQ(Sprt({0, 0, 3, 0, 0}, {}).decision, SprtDecision::kMoreGames);
  EXPECT_EQ(Sprt({0, 5, 40, 80, 20}, {}).decision, SprtDecision::kPromoted);
  EXPECT_EQ(Sprt({20, 80, 40, 5, 0}, {}).decision, SprtDecision::kRejected);
  // Exactly even results mean rejection once there are enough of them.
  EXPECT_EQ(Sprt({250, 500, 1000, 500, 250}, {}).decision, SprtDecision::kRejected);
  EXPECT_EQ(PairScoreIndex(1.5), 3u);
  EXPECT_STREQ(SprtDecisionName(SprtDecision::kMoreGames), "more games");
}

// Errors of both kinds, each pair drawn and tested in turn. With alpha = beta = 0.05 the test
// overshoots its bounds, so the true rates are a little below.
TEST(SprtTest, ErrsAsRarelyAsItSays) {
  const auto promoted = [](double elo, uint64_t seed) {
    Rng rng({.run_seed = seed});
    const double score = 1 / (1 + std::pow(10, -elo / 400));
    PairScores scores{};
    const SprtOptions options{.elo0 = 0, .elo1 = 60};
    while (true) {
      // Each game is won, drawn (a quarter) or lost.
      double points = 0;
      for (int game = 0; game < 2; ++game) {
        const double u = rng.Uniform();
        points += u < score - 0.125 ? 1 : u < score + 0.125 ? 0.5 : 0;
      }
      ++scores[PairScoreIndex(points)];
      const SprtDecision decision = Sprt(scores, options).decision;
      if (decision != SprtDecision::kMoreGames) return decision == SprtDecision::kPromoted;
    }
  };
  constexpr int kTests = 250;
  int false_promotions = 0, false_rejections = 0;
  for (uint64_t i = 0; i < kTests; ++i) {
    false_promotions += promoted(0, i);
    false_rejections += !promoted(60, 1000 + i);
  }
  // 5 % of 250 are 12.5, with a standard deviation of 3.4.
  EXPECT_LE(false_promotions, 23);
  EXPECT_LE(false_rejections, 23);
}

TEST(GateTest, PlaysUntilTheTestHasAnAnswer) {
  std::vector<uint64_t> seen;
  // Three wins of four pairs, the rest even.
  const auto stronger = [&](std::span<const uint64_t> tasks) {
    std::vector<double> points;
    for (const uint64_t task : tasks) {
      seen.push_back(task);
      if (task % 10 != 9) points.push_back(task % 4 == 0 ? 1 : 2);  // one of ten is undecided
    }
    return points;
  };
  int num_rounds = 0;
  GateOptions options{.tasks_per_round = 8};
  const GateResult result = RunGate(options, stronger, [&](const GateResult&) { ++num_rounds; });
  EXPECT_EQ(result.test.decision, SprtDecision::kPromoted);
  EXPECT_EQ(result.num_tasks, 8 * num_rounds);
  EXPECT_EQ(seen.size(), static_cast<size_t>(result.num_tasks));
  for (size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], i);
  EXPECT_TRUE(GateText(result, options).starts_with("promoted: +")) << GateText(result, options);
  const auto weaker = [](std::span<const uint64_t> tasks) {
    return std::vector<double>(tasks.size(), 0.5);
  };
  EXPECT_EQ(RunGate(options, weaker, {}).test.decision, SprtDecision::kRejected);
  options.max_tasks = 20;
  const auto even = [](std::span<const uint64_t> tasks) {
    return std::vector<double>(tasks.size(), 1.0);
  };
  const GateResult open = RunGate(options, even, {});
  EXPECT_EQ(open.test.decision, SprtDecision::kMoreGames);
  EXPECT_EQ(open.num_tasks, 20);
}

TEST(SprtTest, RefusesNonsense) {
  EXPECT_NE(ErrorOf([] { Sprt({}, {.elo0 = 5, .elo1 = 5}); }, ErrorKind::kUsage), "");
  EXPECT_NE(ErrorOf([] { Sprt({}, {.alpha = 0.7}); }, ErrorKind::kUsage), "");
  // Scores of such differences are 0 and 1 to rounding.
  for (const EloModel model : {EloModel::kLogistic, EloModel::kNormalized}) {
    const SprtOptions options{.elo0 = 0, .elo1 = 1e5, .model = model};
    EXPECT_TRUE(Contains(ErrorOf(
                             [&] {
                               Sprt({0, 0, 9, 0, 0}, options);
                             },
                             ErrorKind::kUsage),
                         "is not within ±"));
    const double most = model == EloModel::kLogistic ? kMaxGateElo : kMaxNormalizedElo;
    const SprtOptions widest{.elo0 = -most, .elo1 = most, .model = model};
    EXPECT_EQ(Sprt({0, 0, 0, 0, 50}, widest).decision, SprtDecision::kPromoted);
    EXPECT_EQ(Sprt({50, 0, 0, 0, 0}, widest).decision, SprtDecision::kRejected);
  }
  EXPECT_NE(ErrorOf([] { Sprt({-1, 0, 0, 0, 0}, {}); }, ErrorKind::kUsage), "");
}

}  // namespace
}  // namespace agon::arena
