// The leaderboard: ratings with intervals, what is significant, and how it was computed.
//
// A pure function of comparisons, so that the same log gives the same bits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "arena/arena.h"
#include "arena/audit.h"
#include "arena/ratings.h"

namespace agon::arena {

struct LeaderboardOptions {
  Filter filter{};
  TieModel ties = TieModel::kHalfWin;
  bool has_style_control = false;
  // Voters with evidence above 1 / alpha (TestVoters) are set aside and counted; 0: none.
  double outlier_alpha = 0.001;
  int num_bootstraps = 0;  // > 0: intervals from this many resamples instead; not with style
  uint64_t seed = 42;
  int min_comparisons = 0;  // models with fewer are left out of the rows, not of the fit
};

struct LeaderboardRow {
  Model model;
  double rating = kMeanPoints;            // points
  double ci_low = 0, ci_high = 0;         // 95 %, points; NaN with fewer than two clusters
  RankInterval rank;                      // among the rows of the fit
  double wins = 0, losses = 0, ties = 0;  // weighted
  int64_t num_comparisons = 0;
  double share = 0;  // of all comparisons' seats
  // Chance of a difference at least as large as that to the next row if there were none
  // (two-sided); NaN for the last row and where nothing links the two.
  double p_next = 0;
};

struct Leaderboard {
  std::vector<LeaderboardRow> rows;  // strongest first
  // (rows, rows) of rows[i] against rows[j]: share of points, NaN where they never met; and the
  // number of comparisons.
  std::vector<double> win_shares, counts;
  int64_t num_comparisons = 0;
  std::vector<uint64_t> voters_set_aside;  // Comparison::voter of each, sorted
  double tie_parameter = 0;
  bool has_style = false;  // style control
  // Its coefficients: nats by one standard deviation of length, headers, lists and bold.
  Style style{};
  std::optional<FirstPlace> first_place;  // leader and rival are numbers of rows
  std::vector<std::string> notes;         // what a reader has to know, one sentence each
  std::string head;                       // of the log that it was computed from, if known
};

// Throws Error(kUsage) for options that exclude each other.
Leaderboard ComputeLeaderboard(const Comparisons& comparisons, const LeaderboardOptions& options);
// Reads what the options ask for, then computes.
Leaderboard ReadLeaderboard(Arena& arena, const LeaderboardOptions& options);

// Aligned text for people, and JSON (docs/formats/arena.md).
std::string LeaderboardTable(const Leaderboard& leaderboard);
std::string LeaderboardJson(const Leaderboard& leaderboard);

}  // namespace agon::arena
