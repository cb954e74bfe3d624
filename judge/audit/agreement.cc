#include "judge/audit/agreement.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "core/error.h"
#include "core/quantiles.h"
#include "judge/statistics.h"

namespace agon::judge {
namespace {

const double kZ = NormalQuantile(0.975);
constexpr double kPriorPrecision = 0.01;

constexpr int kTerms = 3;  // intercept, x, covariate
using Vector = std::array<double, kTerms>;
using Matrix = std::array<Vector, kTerms>;

// The inverse of a symmetric positive definite matrix, by Gauss-Jordan.
Matrix Inverse(Matrix m) {
  Matrix inverse{};
  for (int i = 0; i < kTerms; ++i) inverse[i][i] = 1;
  for (int i = 0; i < kTerms; ++i) {
    const double pivot = m[i][i];
    for (int j = 0; j < kTerms; ++j) m[i][j] /= pivot, inverse[i][j] /= pivot;
    for (int k = 0; k < kTerms; ++k) {
      if (k == i) continue;
      const double factor = m[k][i];
      for (int j = 0; j < kTerms; ++j) {
        m[k][j] -= factor * m[i][j];
        inverse[k][j] -= factor * inverse[i][j];
      }
    }
  }
  return inverse;
}

// Wilson's interval of count / n, as wide as of `effective_n` values.
Share WilsonShare(int64_t count, int64_t n, double effective_n) {
  if (n == 0) return {0, 0, kNan, kNan, kNan};
  const double p = static_cast<double>(count) / static_cast<double>(n);
  const double z2 = kZ * kZ / effective_n;
  const double middle = (p + z2 / 2) / (1 + z2);
  const double half = kZ * std::sqrt(p * (1 - p) / effective_n + z2 / (4 * effective_n)) / (1 + z2);
  // At the ends the formula gives the end itself but for rounding.
  return {count, n, p, count == 0 ? 0 : middle - half, count == n ? 1 : middle + half};
}

}  // namespace

Share ShareOf(int64_t count, int64_t n) { return WilsonShare(count, n, static_cast<double>(n)); }

Share ClusteredShare(std::span<const std::vector<double>> clusters) {
  int64_t count = 0, n = 0;
  for (const auto& cluster : clusters) {
    n += static_cast<int64_t>(cluster.size());
    count += std::count(cluster.begin(), cluster.end(), 1.0);
  }
  const Estimate mean = ClusteredMean(clusters);
  const double variance = mean.value * (1 - mean.value);
  double effective_n = static_cast<double>(n);
  if (variance == 0 || std::isnan(mean.stderr_)) {
    effective_n = static_cast<double>(mean.num_clusters);
  } else if (mean.stderr_ > 0) {
    effective_n = std::clamp(variance / (mean.stderr_ * mean.stderr_), 1.0, effective_n);
  }
  return WilsonShare(count, n, effective_n);
}

Kappa CohenKappa(std::span<const int> judge, std::span<const int> gold, int num_categories) {
  AGON_CHECK(judge.size() == gold.size() && num_categories > 0);
  Kappa kappa;
  kappa.n = static_cast<int64_t>(judge.size());
  const auto n = static_cast<double>(judge.size());
  const auto k = static_cast<size_t>(num_categories);
  std::vector<double> p(k * k), by_judge(k), by_gold(k);
  for (size_t i = 0; i < judge.size(); ++i) {
    const auto a = static_cast<size_t>(judge[i]), b = static_cast<size_t>(gold[i]);
    AGON_CHECK(a < k && b < k, "a category out of range");
    p[a * k + b] += 1 / n;
    by_judge[a] += 1 / n;
    by_gold[b] += 1 / n;
  }
  for (size_t i = 0; i < k; ++i) {
    kappa.agreement += p[i * k + i];
    kappa.chance += by_judge[i] * by_gold[i];
  }
  // Sums of n times 1/n are 1 but for rounding.
  if (kappa.n == 0 || kappa.chance > 1 - 1e-12) {
    kappa.value = kappa.stderr_ = kappa.ci_low = kappa.ci_high = kNan;
    if (kappa.n == 0) kappa.agreement = kappa.chance = kNan;
    return kappa;
  }
  const double rest = 1 - kappa.chance;
  kappa.value = (kappa.agreement - kappa.chance) / rest;
  const double off = 1 - kappa.value;
  double sum = 0;
  for (size_t i = 0; i < k; ++i) {
    sum += p[i * k + i] * std::pow(1 - (by_judge[i] + by_gold[i]) * off, 2);
    for (size_t j = 0; j < k; ++j) {
      if (i != j) sum += off * off * p[i * k + j] * std::pow(by_gold[i] + by_judge[j], 2);
    }
  }
  sum -= std::pow(kappa.value - kappa.chance * off, 2);
  // Below rounding it is 0, which says that nothing is known of it.
  kappa.stderr_ = sum > 1e-12 ? std::sqrt(sum / n) / rest : kNan;
  if (std::isnan(kappa.stderr_)) {
    kappa.ci_low = kappa.ci_high = kNan;
    return kappa;
  }
  kappa.ci_low = std::max(-1.0, kappa.value - kZ * kappa.stderr_);
  kappa.ci_high = std::min(1.0, kappa.value + kZ * kappa.stderr_);
  return kappa;
}

LogitSlope FitLogitSlope(std::span<const double> y, std::span<const double> x,
                         std::span<const double> covariate) {
  AGON_CHECK(y.size() == x.size() && y.size() == covariate.size());
  LogitSlope slope;
  slope.n = static_cast<int64_t>(y.size());
  double mean = 0, squares = 0;
  for (const double v : x) mean += v / static_cast<double>(x.size());
  for (const double v : x) squares += (v - mean) * (v - mean);
  slope.x_deviation = x.size() < 2 ? 0 : std::sqrt(squares / static_cast<double>(x.size() - 1));
  // The mean of equal numbers may differ from them by rounding.
  if (x.size() < 3 ||
      *std::max_element(x.begin(), x.end()) == *std::min_element(x.begin(), x.end())) {
    slope.value = slope.stderr_ = slope.ci_low = slope.ci_high = kNan;
    return slope;
  }
  Vector beta{};
  Matrix inverse{};
  for (int step = 0; step < 100; ++step) {
    Vector gradient{};
    Matrix hessian{};
    for (int a = 0; a < kTerms; ++a) {
      gradient[a] = -kPriorPrecision * beta[a];
      hessian[a][a] = kPriorPrecision;
    }
    for (size_t i = 0; i < y.size(); ++i) {
      const Vector row = {1, x[i] / slope.x_deviation, covariate[i]};
      double logit = 0;
      for (int a = 0; a < kTerms; ++a) logit += beta[a] * row[a];
      const double p = 1 / (1 + std::exp(-logit));
      for (int a = 0; a < kTerms; ++a) {
        gradient[a] += (y[i] - p) * row[a];
        for (int b = 0; b < kTerms; ++b) hessian[a][b] += p * (1 - p) * row[a] * row[b];
      }
    }
    inverse = Inverse(hessian);
    double largest = 0;
    for (int a = 0; a < kTerms; ++a) {
      double move = 0;
      for (int b = 0; b < kTerms; ++b) move += inverse[a][b] * gradient[b];
      // A full step from far away may overshoot.
      move = std::clamp(move, -2.0, 2.0);
      beta[a] += move;
      largest = std::max(largest, std::abs(move));
    }
    if (largest < 1e-10) break;
  }
  slope.value = beta[1];
  slope.stderr_ = std::sqrt(inverse[1][1]);
  slope.ci_low = slope.value - kZ * slope.stderr_;
  slope.ci_high = slope.value + kZ * slope.stderr_;
  return slope;
}

}  // namespace agon::judge
