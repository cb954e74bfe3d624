// Newton's method on the log-likelihood of comparisons. Private to arena.
#pragma once

#include <cstddef>
#include <vector>

#include "arena/ratings/likelihood.h"

namespace agon::arena {

struct Row {
  int a = 0, b = 0;  // a < b
  Cell cell;
  Style style{};
};

// Parameters are the strengths (n), then the tie parameter if there is one (eta or log nu),
// then kNumStyles coefficients if has_style.
struct Problem {
  int n = 0;
  std::vector<Row> rows;
  TieModel ties = TieModel::kHalfWin;
  bool has_style = false;
  double prior_sd = 0;
  std::vector<int> component;  // (n)

  bool has_tie_parameter() const { return ties != TieModel::kHalfWin; }
  size_t tie_index() const { return static_cast<size_t>(n); }
  size_t style_index() const { return static_cast<size_t>(n) + (has_tie_parameter() ? 1 : 0); }
  size_t num_parameters() const {
    return style_index() + (has_style ? size_t{kNumStyles} : size_t{0});
  }
};

// Numbers contestants by the parts that rows link, from 0.
std::vector<int> LinkedParts(int n, const std::vector<Row>& rows);
// Numbers them by the parts in which each has points from each other, directly or not.
std::vector<int> StronglyLinkedParts(int n, const std::vector<Row>& rows);
// Whether a tie parameter has a finite estimate beside strengths that have one each.
bool TiesHoldAll(int n, const std::vector<Row>& rows);

// Starts from `x` (num_parameters) and leaves the minimum there. Returns the number of steps.
// Stops where no step is longer than `tolerance` nats. REQUIRES: there is a finite minimum.
int Minimize(const Problem& problem, double tolerance, std::vector<double>& x);

// Inverse Hessian at x (num_parameters, num_parameters), without the share of the direction
// in which nothing changes: all strengths of a component moving together.
std::vector<double> InverseHessian(const Problem& problem, const std::vector<double>& x);

}  // namespace agon::arena
