#include "judge/significance.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/quantiles.h"
#include "judge/statistics.h"

namespace agon::judge {
namespace {

double Mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Unbiased; 0 of fewer than two values.
double Variance(std::span<const double> values) {
  if (values.size() < 2) return 0;
  const double mean = Mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return squares / static_cast<double>(values.size() - 1);
}

double SumOfQuantiles() { return NormalQuantile(1 - kAlpha / 2) + NormalQuantile(kPower); }

}  // namespace

double PValue(const Estimate& difference) {
  if (difference.num_clusters < 2 || !std::isfinite(difference.stderr_)) return kNan;
  if (difference.value == 0) return 1;
  if (difference.stderr_ == 0) {
    return std::exp2(1 - static_cast<double>(difference.num_clusters));
  }
  return 2 * StudentTail(std::abs(difference.value) / difference.stderr_, difference.degrees);
}

std::vector<double> HolmAdjusted(std::span<const double> p_values) {
  std::vector<size_t> order;
  for (size_t i = 0; i < p_values.size(); ++i) {
    if (!std::isnan(p_values[i])) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> adjusted(p_values.size(), kNan);
  double largest = 0;
  for (size_t rank = 0; rank < order.size(); ++rank) {
    const auto hypotheses_left = static_cast<double>(order.size() - rank);
    largest = std::max(largest, std::min(1.0, hypotheses_left * p_values[order[rank]]));
    adjusted[order[rank]] = largest;
  }
  return adjusted;
}

double MinimumDetectableEffect(double standard_error) {
  return standard_error > 0 ? SumOfQuantiles() * standard_error : kNan;
}

DifferenceVariance EstimateDifferenceVariance(std::span<const std::vector<double>> a,
                                              std::span<const std::vector<double>> b) {
  AGON_CHECK(a.size() == b.size());
  DifferenceVariance variance;
  if (a.empty()) return variance;
  std::vector<double> differences;
  double share_a = 0, share_b = 0;  // of the variance of a task's mean that its samples explain
  for (size_t i = 0; i < a.size(); ++i) {
    AGON_CHECK(!a[i].empty() && !b[i].empty());
    differences.push_back(Mean(b[i]) - Mean(a[i]));
    variance.within_a += Variance(a[i]);
    variance.within_b += Variance(b[i]);
    share_a += Variance(a[i]) / static_cast<double>(a[i].size());
    share_b += Variance(b[i]) / static_cast<double>(b[i].size());
  }
  const auto num_tasks = static_cast<double>(a.size());
  variance.within_a /= num_tasks;
  variance.within_b /= num_tasks;
  variance.between_tasks = std::max(0.0, Variance(differences) - (share_a + share_b) / num_tasks);
  return variance;
}

int64_t TasksNeeded(double effect, const DifferenceVariance& variance, double samples_a,
                    double samples_b) {
  AGON_CHECK(samples_a > 0 && samples_b > 0);
  if (!std::isfinite(effect) || effect == 0) return 0;
  const double total =
      variance.between_tasks + variance.within_a / samples_a + variance.within_b / samples_b;
  const double needed = std::ceil(std::pow(SumOfQuantiles() / effect, 2) * total);
  // Beyond any evaluation: keep what can be shown.
  return static_cast<int64_t>(std::min(needed, 1e15));
}

}  // namespace agon::judge
