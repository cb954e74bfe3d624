// The log-likelihood of one cell of verdicts and its derivatives. Private to arena.
#pragma once

#include "arena/ratings.h"

namespace agon::arena {

// Verdicts on one difference of strengths d = s_a - s_b.
struct Cell {
  double a_wins = 0, b_wins = 0, ties = 0;
};

// Of the negative log-likelihood, by d and by the tie parameter t: eta for Rao-Kupper,
// log nu for Davidson, unused with half wins. Convex in (d, t) for all three.
struct Derivatives {
  double loss = 0;
  double d = 0, t = 0;
  double dd = 0, dt = 0, tt = 0;
};

Derivatives CellLoss(const Cell& cell, double d, TieModel ties, double t);

}  // namespace agon::arena
