// Robust covariance of the estimates: bread * meat * bread.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "arena/ratings.h"
#include "arena/ratings/dense.h"
#include "arena/ratings/likelihood.h"
#include "core/error.h"

namespace agon::arena {
namespace {

using Key = std::pair<uint64_t, uint64_t>;

// Derivatives of one verdict's log-likelihood by the few parameters that it touches.
class Scores {
 public:
  explicit Scores(const Fit& fit)
      : fit_(fit),
        n_(fit.strength.size()),
        size_(static_cast<size_t>(std::sqrt(static_cast<double>(fit.bread.size()) + 0.5))) {
    has_style_ = size_ >= n_ + kNumStyles;
    has_tie_ = size_ - n_ - (has_style_ ? size_t{kNumStyles} : size_t{0}) == 1;
  }
  size_t size() const { return size_; }

  template <typename Sink>
  void ForEach(const Comparison& c, const Sink& sink) const {
    Cell cell;
    (c.outcome == Outcome::kWinA   ? cell.a_wins
     : c.outcome == Outcome::kWinB ? cell.b_wins
                                   : cell.ties) = c.weight;
    double d = fit_.strength[static_cast<size_t>(c.a)] - fit_.strength[static_cast<size_t>(c.b)];
    Style x{};
    for (size_t f = 0; has_style_ && f < kNumStyles; ++f) {
      x[f] = fit_.style_scale[f] > 0 ? c.style[f] / fit_.style_scale[f] : 0;
      d += fit_.style[f] * x[f];
    }
    const double t =
        fit_.ties == TieModel::kDavidson ? std::log(fit_.tie_parameter) : fit_.tie_parameter;
    const Derivatives g = CellLoss(cell, d, has_tie_ ? fit_.ties : TieModel::kHalfWin, t);
    sink(static_cast<size_t>(c.a), g.d);
    sink(static_cast<size_t>(c.b), -g.d);
    if (has_tie_) sink(n_, g.t);
    for (size_t f = 0; has_style_ && f < kNumStyles; ++f) {
      sink(size_ - kNumStyles + f, g.d * x[f]);
    }
  }

 private:
  const Fit& fit_;
  size_t n_, size_;
  bool has_style_ = false, has_tie_ = false;
};

// Sum over clusters of the outer product of their summed scores, times C / (C - 1).
std::vector<double> Meat(const Scores& scores, std::span<const Comparison> comparisons,
                         const std::vector<Key>& keys, int64_t& num_clusters) {
  std::vector<size_t> order(comparisons.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t i, size_t j) { return keys[i] < keys[j]; });
  const size_t size = scores.size();
  std::vector<double> meat(size * size, 0.0), sum(size, 0.0);
  std::vector<uint8_t> is_touched(size, 0);
  std::vector<size_t> touched;
  num_clusters = 0;
  for (size_t first = 0; first < order.size();) {
    size_t last = first;
    for (; last < order.size() && keys[order[last]] == keys[order[first]]; ++last) {
      scores.ForEach(comparisons[order[last]], [&](size_t i, double value) {
        if (!std::exchange(is_touched[i], uint8_t{1})) touched.push_back(i);
        sum[i] += value;
      });
    }
    for (const size_t i : touched) {
      for (const size_t j : touched) meat[i * size + j] += sum[i] * sum[j];
    }
    for (const size_t i : touched) sum[i] = is_touched[i] = 0;
    touched.clear();
    ++num_clusters;
    first = last;
  }
  const auto count = static_cast<double>(num_clusters);
  const double correction =
      num_clusters < 2 ? std::numeric_limits<double>::quiet_NaN() : count / (count - 1);
  for (double& value : meat) value *= correction;
  return meat;
}

std::vector<Key> KeysOf(std::span<const Comparison> comparisons, Clusters clusters) {
  std::vector<Key> keys;
  keys.reserve(comparisons.size());
  for (const Comparison& c : comparisons) {
    switch (clusters) {
      case Clusters::kNone:
        keys.emplace_back(0, keys.size());
        break;
      case Clusters::kVoter:
        keys.emplace_back(c.voter, 0);
        break;
      case Clusters::kPrompt:
        keys.emplace_back(c.prompt, 0);
        break;
      case Clusters::kVoterAndPrompt:
        keys.emplace_back(c.voter, c.prompt);
        break;
    }
  }
  return keys;
}

// The variance of a difference.
double PairVariance(const std::vector<double>& matrix, size_t size, size_t i, size_t j) {
  return matrix[i * size + i] + matrix[j * size + j] - 2 * matrix[i * size + j];
}

// What is shared by voter and by prompt, less what was counted twice. In small samples that may
// be no covariance: a component with a difference of no positive variance gets the larger of
// the two.
std::vector<double> TwoWay(const Fit& fit, const std::vector<double>& by_voter,
                           const std::vector<double>& by_prompt, const std::vector<double>& by_both,
                           size_t size) {
  std::vector<double> full = by_voter;
  for (size_t i = 0; i < full.size(); ++i) full[i] += by_prompt[i] - by_both[i];
  std::map<int, std::vector<size_t>> components;
  for (size_t i = 0; i < fit.component.size(); ++i) components[fit.component[i]].push_back(i);
  for (const auto& [number, members] : components) {
    bool is_variance = true;
    double voter_trace = 0, prompt_trace = 0;
    for (const size_t i : members) {
      voter_trace += by_voter[i * size + i];
      prompt_trace += by_prompt[i * size + i];
      for (const size_t j : members) {
        is_variance &= i == j || PairVariance(full, size, i, j) > kNoVariance;
      }
    }
    if (is_variance) continue;
    const std::vector<double>& larger = voter_trace > prompt_trace ? by_voter : by_prompt;
    for (const size_t i : members) {
      for (const size_t j : members) full[i * size + j] = larger[i * size + j];
    }
  }
  return full;
}

}  // namespace

Covariance SandwichCovariance(const Fit& fit, std::span<const Comparison> comparisons,
                              Clusters clusters) {
  const Scores scores(fit);
  const size_t size = scores.size(), n = fit.strength.size();
  const auto covariance = [&](Clusters by, int64_t& count) {
    const auto meat = Meat(scores, comparisons, KeysOf(comparisons, by), count);
    return Multiply(Multiply(fit.bread, meat, size), fit.bread, size);
  };
  Covariance result;
  std::vector<double> full;
  if (clusters != Clusters::kVoterAndPrompt) {
    full = covariance(clusters, result.num_clusters);
  } else {
    int64_t num_voters = 0, num_prompts = 0, num_both = 0;
    const auto by_voter = covariance(Clusters::kVoter, num_voters);
    const auto by_prompt = covariance(Clusters::kPrompt, num_prompts);
    const auto by_both = covariance(Clusters::kVoterAndPrompt, num_both);
    full = TwoWay(fit, by_voter, by_prompt, by_both, size);
    result.num_clusters = std::min(num_voters, num_prompts);
  }
  for (size_t i = 0; i < n; ++i) {
    const auto row = full.begin() + static_cast<ptrdiff_t>(i * size);
    result.values.insert(result.values.end(), row, row + static_cast<ptrdiff_t>(n));
  }
  return result;
}

}  // namespace agon::arena
