#include "arena/ratings/likelihood.h"

#include <algorithm>
#include <cmath>

namespace agon::arena {
namespace {

// sigma(x) with -log sigma(x) and -log sigma(-x), from one exponential.
struct Logistic {
  explicit Logistic(double x) {
    const double tail = std::exp(-std::abs(x));
    const double log_sum = std::log1p(tail);
    const double small = tail / (1 + tail);
    p = x >= 0 ? 1 - small : small;
    q = x >= 0 ? small : 1 - small;
    loss = log_sum + (x >= 0 ? 0 : -x);
    loss_other = log_sum + (x >= 0 ? x : 0);
  }
  double p, q;              // sigma(x), sigma(-x)
  double loss, loss_other;  // -log p, -log q
};

Derivatives HalfWin(const Cell& cell, double d) {
  const Logistic s(d);
  const double a = cell.a_wins + cell.ties / 2, b = cell.b_wins + cell.ties / 2;
  Derivatives out;
  out.loss = a * s.loss + b * s.loss_other;
  out.d = b * s.p - a * s.q;
  out.dd = (a + b) * s.p * s.q;
  return out;
}

// P(tie) = (exp(2 eta) - 1) P(a) P(b).
Derivatives RaoKupper(const Cell& cell, double d, double eta) {
  const Logistic win(d - eta), lose(-d - eta);
  const double a = cell.a_wins + cell.ties, b = cell.b_wins + cell.ties;
  const double decay = std::exp(-2 * eta), gap = -std::expm1(-2 * eta);
  Derivatives out;
  out.loss = a * win.loss + b * lose.loss - cell.ties * (2 * eta + std::log(gap));
  out.d = -a * win.q + b * lose.q;
  out.t = a * win.q + b * lose.q - cell.ties * 2 / gap;
  const double from_a = a * win.p * win.q, from_b = b * lose.p * lose.q;
  out.dd = from_a + from_b;
  out.dt = from_b - from_a;
  out.tt = from_a + from_b + cell.ties * 4 * decay / (gap * gap);
  return out;
}

// Logits d/2, -d/2 and log nu.
Derivatives Davidson(const Cell& cell, double d, double log_nu) {
  const double top = std::max(std::abs(d) / 2, log_nu);
  const double a = std::exp(d / 2 - top), b = std::exp(-d / 2 - top), tie = std::exp(log_nu - top);
  const double sum = a + b + tie, total = cell.a_wins + cell.b_wins + cell.ties;
  const double decided = (a + b) / sum, lead = (a - b) / sum, tied = tie / sum;
  Derivatives out;
  out.loss =
      total * (top + std::log(sum)) - (cell.a_wins - cell.b_wins) * d / 2 - cell.ties * log_nu;
  out.d = (total * lead - (cell.a_wins - cell.b_wins)) / 2;
  out.t = total * tied - cell.ties;
  out.dd = total * (decided - lead * lead) / 4;
  out.dt = -total * tied * lead / 2;
  out.tt = total * tied * (1 - tied);
  return out;
}

}  // namespace

Derivatives CellLoss(const Cell& cell, double d, TieModel ties, double t) {
  switch (ties) {
    case TieModel::kHalfWin:
      return HalfWin(cell, d);
    case TieModel::kRaoKupper:
      return RaoKupper(cell, d, t);
    case TieModel::kDavidson:
      return Davidson(cell, d, t);
  }
  return {};
}

}  // namespace agon::arena
