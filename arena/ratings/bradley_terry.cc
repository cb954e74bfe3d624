#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include "arena/ratings.h"
#include "arena/ratings/newton.h"
#include "core/error.h"

namespace agon::arena {
namespace {

constexpr double kToleranceNats = 1e-11;
constexpr double kMaxCount = 1e12;  // more than was ever voted, and far from where sums overflow

Row RowOf(const PairCount& pair, int n) {
  AGON_CHECK(pair.a >= 0 && pair.b >= 0 && pair.a < n && pair.b < n && pair.a != pair.b);
  for (const double count : {pair.a_wins, pair.b_wins, pair.ties}) {
    if (!(count >= 0) || count > kMaxCount) {
      throw Error(ErrorKind::kUsage, "a count of verdicts is " + std::to_string(count));
    }
  }
  if (pair.a < pair.b) return {pair.a, pair.b, {pair.a_wins, pair.b_wins, pair.ties}, {}};
  return {pair.b, pair.a, {pair.b_wins, pair.a_wins, pair.ties}, {}};
}

double Total(const Cell& cell) { return cell.a_wins + cell.b_wins + cell.ties; }

// Where the tie parameter would be if all were equally strong.
double FirstTieParameter(TieModel ties, double share) {
  if (ties == TieModel::kRaoKupper) return 2 * std::atanh(share);
  return std::log(2 * share / (1 - share));
}

Fit FitRows(Problem problem, TieModel ties) {
  std::erase_if(problem.rows, [](const Row& row) { return Total(row.cell) == 0; });
  double num_ties = 0, total = 0;
  for (const Row& row : problem.rows) {
    num_ties += row.cell.ties;
    total += Total(row.cell);
  }
  // Without ties, or with nothing else, the tie parameter has no finite estimate.
  problem.ties = num_ties > 0 && num_ties < total ? ties : TieModel::kHalfWin;
  problem.component = LinkedParts(problem.n, problem.rows);

  Fit fit;
  fit.ties = ties;
  fit.component = problem.component;
  fit.group = StronglyLinkedParts(problem.n, problem.rows);
  const auto num_parts = [](const std::vector<int>& part) {
    return part.empty() ? 0 : *std::max_element(part.begin(), part.end()) + 1;
  };
  fit.is_finite = num_parts(fit.group) == num_parts(fit.component) &&
                  (!problem.has_tie_parameter() || TiesHoldAll(problem.n, problem.rows));
  if (!fit.is_finite && problem.prior_sd == 0) problem.prior_sd = kWidePriorSd;
  fit.prior_sd = problem.prior_sd;

  std::vector<double> x(problem.num_parameters(), 0.0);
  if (problem.has_tie_parameter()) {
    x[problem.tie_index()] = FirstTieParameter(ties, num_ties / total);
  }
  fit.num_iterations = Minimize(problem, kToleranceNats, x);
  fit.bread = InverseHessian(problem, x);
  const auto n = static_cast<size_t>(problem.n);
  fit.strength.assign(x.begin(), x.begin() + problem.n);
  for (size_t i = 0; i < n; ++i) {
    const auto row = fit.bread.begin() + static_cast<ptrdiff_t>(i * problem.num_parameters());
    fit.covariance.insert(fit.covariance.end(), row, row + problem.n);
  }
  if (problem.has_tie_parameter()) {
    const double t = x[problem.tie_index()];
    fit.tie_parameter = ties == TieModel::kRaoKupper ? t : std::exp(t);
  } else if (ties != TieModel::kHalfWin && num_ties > 0) {
    fit.tie_parameter = std::numeric_limits<double>::infinity();
  }
  if (problem.has_style) {
    for (size_t f = 0; f < kNumStyles; ++f) fit.style[f] = x[problem.style_index() + f];
  }
  return fit;
}

// Standard deviations around 0: a difference has no natural other centre.
Style StyleScale(std::span<const Comparison> comparisons) {
  Style scale{};
  for (const Comparison& comparison : comparisons) {
    for (size_t f = 0; f < kNumStyles; ++f) {
      scale[f] += comparison.style[f] * comparison.style[f];
    }
  }
  for (double& s : scale) {
    s = std::sqrt(s / std::max<double>(1, static_cast<double>(comparisons.size())));
  }
  return scale;
}

}  // namespace

std::vector<PairCount> CountPairs(std::span<const Comparison> comparisons) {
  std::map<std::pair<int, int>, PairCount> pairs;
  for (const Comparison& c : comparisons) {
    AGON_CHECK(c.a != c.b);
    const bool is_swapped = c.a > c.b;
    const std::pair key(std::min(c.a, c.b), std::max(c.a, c.b));
    PairCount& pair = pairs.try_emplace(key, PairCount{key.first, key.second}).first->second;
    if (c.outcome == Outcome::kTie || c.outcome == Outcome::kBothBad) {
      pair.ties += c.weight;
    } else {
      ((c.outcome == Outcome::kWinA) != is_swapped ? pair.a_wins : pair.b_wins) += c.weight;
    }
  }
  std::vector<PairCount> sorted;
  for (const auto& [key, pair] : pairs) sorted.push_back(pair);
  return sorted;
}

Fit FitBradleyTerry(int n, std::span<const PairCount> pairs, const FitOptions& options) {
  Problem problem;
  problem.n = n;
  problem.prior_sd = options.prior_sd;
  for (const PairCount& pair : pairs) problem.rows.push_back(RowOf(pair, n));
  return FitRows(std::move(problem), options.ties);
}

Fit FitWithStyle(int n, std::span<const Comparison> comparisons, const FitOptions& options) {
  Problem problem;
  problem.n = n;
  problem.prior_sd = options.prior_sd;
  problem.has_style = true;
  const Style scale = StyleScale(comparisons);
  for (const Comparison& comparison : comparisons) {
    const bool is_swapped = comparison.a > comparison.b;
    const std::vector<PairCount> pair = CountPairs({&comparison, 1});
    Row row = RowOf(pair[0], n);
    for (size_t f = 0; f < kNumStyles; ++f) {
      const double x = scale[f] > 0 ? comparison.style[f] / scale[f] : 0;
      row.style[f] = is_swapped ? -x : x;
    }
    problem.rows.push_back(row);
  }
  Fit fit = FitRows(std::move(problem), options.ties);
  fit.style_scale = scale;
  return fit;
}

}  // namespace agon::arena
