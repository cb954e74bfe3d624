#include <algorithm>
#include <cmath>
#include <limits>

#include "arena/ratings.h"
#include "core/error.h"

namespace agon::arena {

double DifferenceError(std::span<const double> covariance, int n, int i, int j) {
  const auto at = [&](int row, int column) {
    return covariance[static_cast<size_t>(row) * static_cast<size_t>(n) +
                      static_cast<size_t>(column)];
  };
  if (i == j) return 0;
  const double variance = at(i, i) + at(j, j) - 2 * at(i, j);
  return variance > kNoVariance ? std::sqrt(variance) : std::numeric_limits<double>::quiet_NaN();
}

std::vector<RankInterval> RankIntervals(const Fit& fit, std::span<const double> covariance,
                                        double critical, std::span<const size_t> among) {
  const auto n = static_cast<int>(fit.strength.size());
  std::vector<RankInterval> ranks(among.size(), {1, static_cast<int>(among.size())});
  for (size_t k = 0; k < among.size(); ++k) {
    for (const size_t j : among) {
      const size_t i = among[k];
      if (i == j || fit.component[i] != fit.component[j]) continue;
      // Nothing is larger than NaN.
      const double margin =
          critical * DifferenceError(covariance, n, static_cast<int>(i), static_cast<int>(j));
      if (fit.strength[j] - fit.strength[i] > margin) ++ranks[k].best;
      if (fit.strength[i] - fit.strength[j] > margin) --ranks[k].worst;
    }
  }
  return ranks;
}

std::vector<NextPair> MostInformativePairs(const Fit& fit, std::span<const uint8_t> eligible,
                                           int max_pairs) {
  const auto n = static_cast<int>(fit.strength.size());
  AGON_CHECK(eligible.size() == fit.strength.size());
  std::vector<NextPair> pairs;
  for (int i = 0; i < n; ++i) {
    for (int j = i + 1; j < n; ++j) {
      const auto a = static_cast<size_t>(i), b = static_cast<size_t>(j);
      if (!eligible[a] || !eligible[b]) continue;
      NextPair pair{i, j, std::numeric_limits<double>::infinity()};
      if (fit.component[a] == fit.component[b]) {
        const double p = 1 / (1 + std::exp(fit.strength[b] - fit.strength[a]));
        const double error = DifferenceError(fit.covariance, n, i, j);
        // One verdict adds p (1 - p) to the information along the difference.
        pair.gain = error - error / std::sqrt(1 + p * (1 - p) * error * error);
      }
      pairs.push_back(pair);
    }
  }
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const NextPair& x, const NextPair& y) { return x.gain > y.gain; });
  if (pairs.size() > static_cast<size_t>(max_pairs)) pairs.resize(static_cast<size_t>(max_pairs));
  return pairs;
}

}  // namespace agon::arena
