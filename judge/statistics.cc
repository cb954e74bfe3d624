#include "judge/statistics.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "core/error.h"
#include "judge/eval.h"

namespace agon::judge {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Regularised incomplete beta function by Lentz's continued fraction
// (Numerical Recipes, section 6.4). Converges fast for x < (a + 1) / (a + b + 2).
double BetaFraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  d = 1 / (std::abs(d) < kTiny ? kTiny : d);
  double h = d;
  for (int m = 1; m <= 300; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    for (const double term : {even, odd}) {
      d = 1 + term * d;
      d = 1 / (std::abs(d) < kTiny ? kTiny : d);
      c = 1 + term / c;
      if (std::abs(c) < kTiny) c = kTiny;
      h *= d * c;
    }
    if (std::abs(d * c - 1) < 1e-15) break;
  }
  return h;
}

double IncompleteBeta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                a * std::log(x) + b * std::log1p(-x));
  if (x < (a + 1) / (a + b + 2)) return front * BetaFraction(a, b, x) / a;
  return 1 - front * BetaFraction(b, a, 1 - x) / b;
}

double StudentCdf(double t, double degrees) {
  const double tail = 0.5 * IncompleteBeta(degrees / 2, 0.5, degrees / (degrees + t * t));
  return t > 0 ? 1 - tail : tail;
}

// Bisection: both distributions are symmetric, so only the upper half is searched.
template <typename Cdf>
double Quantile(double p, const Cdf& cdf) {
  AGON_CHECK(p > 0 && p < 1);
  if (p < 0.5) return -Quantile(1 - p, cdf);
  double low = 0, high = 1;
  while (cdf(high) < p && high < 1e300) high *= 2;
  for (int i = 0; i < 200; ++i) {
    const double middle = low + (high - low) / 2;
    (cdf(middle) < p ? low : high) = middle;
  }
  return low + (high - low) / 2;
}

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

double NormalQuantile(double p) {
  return Quantile(p, [](double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); });
}

double StudentQuantile(double p, double degrees_of_freedom) {
  AGON_CHECK(degrees_of_freedom > 0);
  return Quantile(p, [&](double t) { return StudentCdf(t, degrees_of_freedom); });
}

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
