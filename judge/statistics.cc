#include "judge/statistics.h"

#include <cmath>

#include "core/error.h"
#include "core/quantiles.h"

namespace agon::judge {
namespace {

Estimate WithInterval(double mean, double standard_error, int64_t num_clusters, double degrees) {
  Estimate estimate{mean, standard_error, kNan, kNan, num_clusters, degrees};
  if (degrees > 0 && standard_error > 0) {
    const double t = StudentQuantile(0.975, degrees);
    estimate.ci_low = mean - t * standard_error;
    estimate.ci_high = mean + t * standard_error;
  }
  return estimate;
}

// From the sum of squared residual sums of clusters, over a denominator of `total`.
// Below this share of the value a standard error is the rounding of clusters that agree.
constexpr double kRounding = 1e-12;

Estimate FromResiduals(double value, double squares, double total, int64_t num_clusters) {
  if (num_clusters == 0) return {kNan, kNan, kNan, kNan, 0};
  if (num_clusters < 2) return {value, kNan, kNan, kNan, num_clusters};
  const auto count = static_cast<double>(num_clusters);
  double standard_error = std::sqrt(count / (count - 1) * squares) / total;
  if (standard_error < kRounding * std::abs(value)) standard_error = 0;
  return WithInterval(value, standard_error, num_clusters, count - 1);
}

}  // namespace

Estimate ClusteredMean(std::span<const std::vector<double>> clusters) {
  double sum = 0;
  int64_t num_values = 0, num_clusters = 0;
  for (const auto& cluster : clusters) {
    for (const double value : cluster) sum += value;
    num_values += static_cast<int64_t>(cluster.size());
    num_clusters += cluster.empty() ? 0 : 1;
  }
  const auto count = static_cast<double>(num_values);
  const double mean = sum / count;
  double squares = 0;
  for (const auto& cluster : clusters) {
    double residual = 0;
    for (const double value : cluster) residual += value - mean;
    squares += residual * residual;
  }
  return FromResiduals(mean, squares, count, num_clusters);
}

Estimate ClusteredRatio(std::span<const double> x, std::span<const double> y) {
  AGON_CHECK(x.size() == y.size());
  double sum_x = 0, sum_y = 0;
  int64_t num_clusters = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    if (y[i] == 0) continue;
    sum_x += x[i];
    sum_y += y[i];
    ++num_clusters;
  }
  const double ratio = sum_x / sum_y;
  double squares = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    if (y[i] != 0) squares += (x[i] - ratio * y[i]) * (x[i] - ratio * y[i]);
  }
  return FromResiduals(ratio, squares, sum_y, num_clusters);
}

Estimate MeanOfEstimates(std::span<const Estimate> estimates) {
  double sum = 0, variance = 0, spread = 0;
  int64_t num_clusters = 0;
  for (const Estimate& estimate : estimates) {
    sum += estimate.value;
    num_clusters += estimate.num_clusters;
    const double square = estimate.stderr_ * estimate.stderr_;
    variance += square;
    spread += square * square / estimate.degrees;
  }
  const auto count = static_cast<double>(estimates.size());
  if (std::isnan(variance) || estimates.empty()) {
    return {sum / count, kNan, kNan, kNan, num_clusters};
  }
  const double degrees =
      spread > 0 ? variance * variance / spread : static_cast<double>(num_clusters - 1);
  return WithInterval(sum / count, std::sqrt(variance) / count, num_clusters, degrees);
}

Estimate PairedDifference(std::span<const double> a, std::span<const double> b) {
  AGON_CHECK(a.size() == b.size());
  std::vector<std::vector<double>> differences;
  differences.reserve(a.size());
  for (size_t i = 0; i < a.size(); ++i) differences.push_back({b[i] - a[i]});
  return ClusteredMean(differences);
}

}  // namespace agon::judge
