#include "arena/ratings/binomial.h"

#include <cmath>

namespace agon::arena {
namespace {

// Adds up the probabilities of 0, 1, 2, ... until they pass a uniform number.
int64_t ByInversion(Rng& rng, int64_t num_trials, double p) {
  const auto n = static_cast<double>(num_trials);
  const double odds = p / (1 - p), none = std::exp(n * std::log1p(-p));
  while (true) {
    double u = rng.Uniform(), probability = none;
    // What rounding leaves over at the far end is drawn again.
    for (double k = 0; k <= n && k < 200; ++k) {
      if (u < probability) return static_cast<int64_t>(k);
      u -= probability;
      probability *= (n - k) / (k + 1) * odds;
    }
  }
}

// log(k!) - Stirling's approximation to it.
double StirlingTail(double k) {
  constexpr double kTail[] = {0.0810614667953272,  0.0413406959554092, 0.0276779256849983,
                              0.02079067210376509, 0.0166446911898211, 0.0138761288230707,
                              0.0118967099458917,  0.0104112652619720, 0.00925546218271273,
                              0.00833056343336287};
  if (k < 10) return kTail[static_cast<int>(k)];
  const double x = (k + 1) * (k + 1);
  return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / x) / x) / (k + 1);
}

int64_t ByRejection(Rng& rng, int64_t num_trials, double p) {
  const auto n = static_cast<double>(num_trials);
  const double deviation = std::sqrt(n * p * (1 - p));
  const double b = 1.15 + 2.53 * deviation;
  const double a = -0.0873 + 0.0248 * b + 0.01 * p;
  const double c = n * p + 0.5;
  const double v_r = 0.92 - 4.2 / b;
  const double r = p / (1 - p);
  const double alpha = (2.83 + 5.1 / b) * deviation;
  const double m = std::floor((n + 1) * p);
  while (true) {
    const double u = rng.Uniform() - 0.5;
    double v = rng.Uniform();
    const double us = 0.5 - std::abs(u);
    const double k = std::floor((2 * a / us + b) * u + c);
    if (us >= 0.07 && v <= v_r) return static_cast<int64_t>(k);
    if (k < 0 || k > n) continue;
    v = std::log(v * alpha / (a / (us * us) + b));
    const double bound = (m + 0.5) * std::log((m + 1) / (r * (n - m + 1))) +
                         (n + 1) * std::log((n - m + 1) / (n - k + 1)) +
                         (k + 0.5) * std::log(r * (n - k + 1) / (k + 1)) + StirlingTail(m) +
                         StirlingTail(n - m) - StirlingTail(k) - StirlingTail(n - k);
    if (v <= bound) return static_cast<int64_t>(k);
  }
}

}  // namespace

int64_t DrawBinomial(Rng& rng, int64_t n, double p) {
  if (n <= 0 || p <= 0) return 0;
  if (p >= 1) return n;
  if (p > 0.5) return n - DrawBinomial(rng, n, 1 - p);
  return static_cast<double>(n) * p < 10 ? ByInversion(rng, n, p) : ByRejection(rng, n, p);
}

}  // namespace agon::arena
