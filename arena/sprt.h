// The sequential probability ratio test: is a new checkpoint stronger than the old one, with as
// few games as that takes?
//
// Each draw is a pair: both contestants answer one task, or play one opening in both orders,
// so that the difficulty of the task and the advantage of a side drop out. A pair's score is
// 0, 1/4, 1/2, 3/4 or 1 for the new one (the pentanomial). Pure functions.
// Source: the generalized SPRT of official-stockfish/fishtest, server/fishtest/stats/LLRcalc.py;
// M. Van den Bergh, "A practical introduction to the GSPRT".
#pragma once

#include <array>
#include <cstddef>

namespace agon::arena {

// Number of pairs with 0, 1/2, 1, 3/2 and 2 points of the new contestant's two games.
using PairScores = std::array<double, 5>;
// The index of a pair in which the new one made `points` of 2. REQUIRES: 0 <= points <= 2.
size_t PairScoreIndex(double points);

enum class EloModel {
  kLogistic,    // expected score 1 / (1 + 10^(-elo / 400))
  kNormalized,  // (score - 1/2) in standard deviations of one game, times 800 / ln 10: tests
                // take as long whatever the share of draws
};

// Of hypotheses. Beyond these a score can hardly be told from 0 or 1, or, normalized, no
// distribution of a pair's scores need be that far from even.
inline constexpr double kMaxGateElo = 1000, kMaxNormalizedElo = 200;

struct SprtOptions {
  double elo0 = 0, elo1 = 20;        // H0: no better than elo0; H1: at least elo1
  double alpha = 0.05, beta = 0.05;  // chance of promoting at elo0, of rejecting at elo1
  EloModel model = EloModel::kLogistic;
};

enum class SprtDecision { kPromoted, kRejected, kMoreGames };
const char* SprtDecisionName(SprtDecision decision);  // "promoted", "rejected", "more games"

struct SprtResult {
  SprtDecision decision = SprtDecision::kMoreGames;
  double llr = 0;                 // log-likelihood ratio of H1 to H0
  double lower = 0, upper = 0;    // bounds: log(beta / (1 - alpha)), log((1 - beta) / alpha)
  double elo = 0, elo_error = 0;  // estimate and half width of its 95 % interval
  double num_pairs = 0;
};

// Without any pair: more games, elo 0. Throws Error(kUsage) unless elo0 < elo1 are
// within ±kMaxGateElo (or ±kMaxNormalizedElo), alpha and beta in (0, 0.5), and counts finite and
// not negative.
SprtResult Sprt(const PairScores& scores, const SprtOptions& options);

}  // namespace agon::arena
