#include "judge/statistics.h"

#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/quantiles.h"
#include "judge/eval.h"

namespace agon::judge {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Estimate WithInterval(double mean, double standard_error, int64_t num_clusters) {
  Estimate estimate{mean, standard_error, kNan, kNan, num_clusters};
  if (num_clusters >= 2) {
    const double t = StudentQuantile(0.975, static_cast<double>(num_clusters - 1));
    estimate.ci_low = mean - t * standard_error;
    estimate.ci_high = mean + t * standard_error;
  }
  return estimate;
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
  if (num_values == 0) return {kNan, kNan, kNan, kNan, 0};
  const double mean = sum / static_cast<double>(num_values);
  if (num_clusters < 2) return WithInterval(mean, kNan, num_clusters);
  double squares = 0;
  for (const auto& cluster : clusters) {
    double residual = 0;
    for (const double value : cluster) residual += value - mean;
    squares += residual * residual;
  }
  const auto count = static_cast<double>(num_clusters);
  const double standard_error =
      std::sqrt(count / (count - 1) * squares) / static_cast<double>(num_values);
  return WithInterval(mean, standard_error, num_clusters);
}

Estimate PairedDifference(std::span<const double> a, std::span<const double> b) {
  AGON_CHECK(a.size() == b.size());
  std::vector<std::vector<double>> differences;
  differences.reserve(a.size());
  for (size_t i = 0; i < a.size(); ++i) differences.push_back({b[i] - a[i]});
  return ClusteredMean(differences);
}

double PassAtK(int n, int c, int k) {
  AGON_CHECK(k >= 1 && c >= 0 && c <= n);
  if (n < k) return kNan;
  if (n - c < k) return 1;
  // 1 - C(n-c, k) / C(n, k) as a product of factors in [0, 1]: no factorial overflows.
  double all_wrong = 1;
  for (int i = n - c + 1; i <= n; ++i) all_wrong *= 1 - static_cast<double>(k) / i;
  return 1 - all_wrong;
}

}  // namespace agon::judge
