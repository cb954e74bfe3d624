// How much a leaderboard can be trusted: its first place, and its voters. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "arena/ratings.h"

namespace agon::arena {

struct FirstPlace {
  int leader = 0, rival = 0;
  // This many verdicts, the right ones turned round (a win to a loss, a tie to a loss), put
  // the rival first. Found by influence and confirmed by fitting again: an upper bound that
  // is tight where one verdict moves little.
  int64_t num_flips = 0;
  double num_verdicts = 0;  // in all
};

// The rival is the one of the next `max_rivals` that needs the fewest flips. nullopt if the
// leader has nobody in his component. Intervals don't show this: dropping 2 of 57,477 votes
// changed the first place of a public arena whose intervals hardly overlapped.
std::optional<FirstPlace> VotesToFlipFirst(int n, std::span<const PairCount> pairs,
                                           const FitOptions& options, int max_rivals = 5);

struct VoterTest {
  uint64_t voter = 0;
  int num_votes = 0;    // wins and losses among the first kMaxTestedVotes
  double evidence = 0;  // the largest that it ever was
  bool is_outlier = false;
};

inline constexpr int kMinTestedVotes = 5, kMaxTestedVotes = 100;

// Who votes unlike everyone else? Evidence starts at 1 and, for an honest voter, passes
// 1 / alpha with a chance below alpha however long he votes (Ville's inequality). Half of it is
// the product test: of 1 / (2 p), p the share of the pair's wins and losses that are at most
// (at least; the mean of both) as good for the pair's stronger contestant. The other half are
// bets that he wants one contestant up, or down: for each of both the product of
// 0.9 / p or 0.1 / (1 - p), p the share of the pair's votes for it, averaged over contestants.
// Returns voters with at least kMinTestedVotes, sorted by number; `comparisons` are in the order
// of voting, and matches among them are passed over. Source of the product test: lm-sys/FastChat,
// serve/monitor/elo_analysis.py, which orders a pair by name instead of by strength.
std::vector<VoterTest> TestVoters(std::span<const Comparison> comparisons, const Fit& fit,
                                  double alpha);

}  // namespace agon::arena
