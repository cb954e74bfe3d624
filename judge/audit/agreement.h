// How far a judge agrees with gold, and what else moves it: the arithmetic of rl-judge audit.
//
// All functions are pure and thread-safe. Intervals are at 95 %.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "judge/audit.h"

namespace agon::judge {

// Wilson's interval (1927) stays within [0, 1] and makes sense for small counts.
Share ShareOf(int64_t count, int64_t n);

// The share of ones among values 0 and 1, of which those of one cluster (an item's orders, or its
// runs) aren't independent: Wilson's interval for the effective number p (1 - p) / se^2, with the
// cluster-robust standard error of judge/statistics.h, at most the number of values (Franco et al.
// 2019, J. Surv. Stat. Methodol. 7:334, section 2). Where all values agree, each cluster counts
// once.
Share ClusteredShare(std::span<const std::vector<double>> clusters);

// Cohen's kappa: agreement beyond what the two margins give by chance,
//   kappa = (po - pe) / (1 - pe)    (Cohen 1960),
// with the large-sample standard error of Fleiss, Cohen & Everitt 1969, equation 13:
//   n (1 - pe)^2 var = sum_i p_ii (1 - (p_i. + p_.i)(1 - kappa))^2
//                    + (1 - kappa)^2 sum_{i != j} p_ij (p_.i + p_j.)^2 - (kappa - pe (1 -
//                    kappa))^2.
// NaN where nothing is left to agree on: no item, or both always say the same one category. Where
// the standard error is 0, as of two that always agree, there is none, and no interval.
// Categories are numbers in [0, num_categories). REQUIRES: equal sizes.
Kappa CohenKappa(std::span<const int> judge, std::span<const int> gold, int num_categories);

// A logistic regression y ~ 1 + x + covariate by Newton's method, y in [0, 1] (0.5 is a tie),
// x divided by its standard deviation. All coefficients have a normal prior of mean 0 and
// deviation 10, so that data which x separates perfectly have a finite answer. NaN where x
// doesn't vary or there are fewer than 3 items. REQUIRES: equal sizes.
LogitSlope FitLogitSlope(std::span<const double> y, std::span<const double> x,
                         std::span<const double> covariate);

}  // namespace agon::judge
