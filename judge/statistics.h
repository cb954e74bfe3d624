// Estimates with honest error bars.
//
// Samples of one task are not independent, so tasks are the clusters of every standard
// error. Intervals use Student's t with one degree of freedom less than clusters, unless said
// otherwise.
// All functions are pure and thread-safe; sums run in the order of the input.
// Source: Miller, "Adding Error Bars to Evals", arXiv 2411.00640, sections 2 and 4.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace agon::judge {

// What can't be estimated.
inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Estimate {
  double value = 0;
  double stderr_ = 0;  // NaN with fewer than two clusters
  // 95 %; NaN with fewer than two clusters, or where all of them agree: their spread, which is 0,
  // says nothing then.
  double ci_low = 0, ci_high = 0;
  int64_t num_clusters = 0;
  // Of Student's t, for the interval as for the p-value (judge/significance.h).
  double degrees = static_cast<double>(num_clusters) - 1;
};

// Mean of all values with the cluster-robust standard error
//   sqrt(C/(C-1) * sum_c (sum_{i in c} (s_i - mean))^2) / n,
// which is sd/sqrt(n) when every cluster holds one value, and the standard error of the
// mean of cluster means when clusters are equally large. Empty clusters are ignored; with
// no value at all the result is NaN.
Estimate ClusteredMean(std::span<const std::vector<double>> clusters);

// The ratio sum x / sum y of clusters that were drawn whole (bits per byte of documents), with
// the linearised standard error sqrt(C/(C-1) * sum_c (x_c - ratio * y_c)^2) / sum y (Cochran,
// "Sampling Techniques", 3rd ed., section 6.3); ClusteredMean is the case of sums and counts.
// NaN if sum y is 0. REQUIRES: equal sizes, y >= 0; a cluster with y = 0 is ignored.
Estimate ClusteredRatio(std::span<const double> x, std::span<const double> y);

// The mean of independent estimates, each counting the same: sqrt(sum se^2) / count, degrees of
// freedom after Welch and Satterthwaite. `num_clusters` is the sum of theirs. Estimates without
// a standard error leave the mean without one; NaN of none.
Estimate MeanOfEstimates(std::span<const Estimate> estimates);

// Mean of b - a where a[i] and b[i] belong to one task, sd(b - a)/sqrt(n) as its standard
// error. REQUIRES: equal sizes.
Estimate PairedDifference(std::span<const double> a, std::span<const double> b);

}  // namespace agon::judge
