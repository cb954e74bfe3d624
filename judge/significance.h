// Whether a difference is one, and how large it would have to be to be seen.
//
// Source of the formulas, unless said otherwise: Miller, "Adding Error Bars to Evals", arXiv
// 2411.00640, sections 4 and 5. Pure functions, thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "judge/statistics.h"

namespace agon::judge {

// Two-sided p-value of "the value is 0" by Student's t with the estimate's degrees of freedom, so
// that it is below 0.05 exactly where the 95 % interval leaves out 0.
// Where all clusters agree on one value but 0 their spread says nothing; the exact sign test
// does: 2^(1 - clusters). NaN with fewer than two clusters.
double PValue(const Estimate& difference);

// Holm's step-down correction (Holm 1979): the p-values at which each hypothesis of the family
// falls while the chance of any false alarm stays at the level. In the order of the input; NaN
// stays NaN and isn't one of the family.
std::vector<double> HolmAdjusted(std::span<const double> p_values);

constexpr double kAlpha = 0.05;  // of two-sided tests
constexpr double kPower = 0.8;   // chance to see an effect that is there

// The smallest difference that a comparison with this standard error would have found, with
// probability kPower at level kAlpha: (z_{alpha/2} + z_beta) * stderr. NaN where the standard error
// is 0 or NaN: nothing is known of it.
double MinimumDetectableEffect(double standard_error);

// What a difference of two models varies with.
struct DifferenceVariance {
  double between_tasks = 0;           // omega^2: of the tasks' true differences
  double within_a = 0, within_b = 0;  // sigma^2: of the samples of one task, mean over tasks
};

// Unbiased, from the values of the same tasks: a[i] and b[i] hold one value per sample. Tasks
// with one sample say nothing of `within`, which is then 0 and part of `between_tasks`.
// REQUIRES: equal sizes, no empty task.
DifferenceVariance EstimateDifferenceVariance(std::span<const std::vector<double>> a,
                                              std::span<const std::vector<double>> b);

// Tasks needed to find a difference of `effect` with samples_a and samples_b samples per task:
//   (z_{alpha/2} + z_beta)^2 (omega^2 + sigma_a^2 / K_a + sigma_b^2 / K_b) / effect^2,
// rounded up; 0 if `effect` is 0 or not finite.
int64_t TasksNeeded(double effect, const DifferenceVariance& variance, double samples_a,
                    double samples_b);

}  // namespace agon::judge
