// Estimates with honest error bars.
//
// Samples of one task are not independent, so tasks are the clusters of every standard
// error. Intervals use Student's t with one degree of freedom less than clusters.
// All functions are pure and thread-safe; sums run in the order of the input.
// Source: Miller, "Adding Error Bars to Evals", arXiv 2411.00640, sections 2 and 4.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace agon::judge {

struct Estimate {
  double value = 0;
  double stderr_ = 0;              // NaN with fewer than two clusters
  double ci_low = 0, ci_high = 0;  // 95 %; NaN with fewer than two clusters
  int64_t num_clusters = 0;
};

// Mean of all values with the cluster-robust standard error
//   sqrt(C/(C-1) * sum_c (sum_{i in c} (s_i - mean))^2) / n,
// which is sd/sqrt(n) when every cluster holds one value, and the standard error of the
// mean of cluster means when clusters are equally large. Empty clusters are ignored; with
// no value at all the result is NaN.
Estimate ClusteredMean(std::span<const std::vector<double>> clusters);

// Mean of b - a where a[i] and b[i] belong to one task, sd(b - a)/sqrt(n) as its standard
// error. REQUIRES: equal sizes.
Estimate PairedDifference(std::span<const double> a, std::span<const double> b);

}  // namespace agon::judge
