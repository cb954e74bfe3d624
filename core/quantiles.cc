#include "core/quantiles.h"

#include <cmath>
#include <numbers>

#include "core/error.h"

namespace agon {
namespace {

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
  return t > 0 ? 1 - StudentTail(t, degrees) : StudentTail(-t, degrees);
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

}  // namespace

double NormalQuantile(double p) {
  return Quantile(p, [](double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); });
}

double StudentTail(double t, double degrees_of_freedom) {
  AGON_CHECK(t >= 0 && degrees_of_freedom > 0);
  const double x = degrees_of_freedom / (degrees_of_freedom + t * t);
  return 0.5 * IncompleteBeta(degrees_of_freedom / 2, 0.5, x);
}

double StudentQuantile(double p, double degrees_of_freedom) {
  AGON_CHECK(degrees_of_freedom > 0);
  return Quantile(p, [&](double t) { return StudentCdf(t, degrees_of_freedom); });
}

}  // namespace agon
