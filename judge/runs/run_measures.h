// What each run came to, in numbers, and how kinds of runs compare. All functions are pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "judge/runs/run_group.h"
#include "judge/statistics.h"

namespace agon::judge {

// Of one group.
struct MeasureOfGroup {
  std::vector<std::optional<double>> values;  // of each run, if it has the measure
  Estimate mean;                              // of those that have it: the runs are the clusters
  // Of this group's mean less the first group's, over the seeds that both have, run by run; NaN if
  // there is none, and for the first group. No interval of fewer than two.
  Estimate difference;
};

struct RunMeasure {
  std::string name;       // "pass@1 of math/shop-v1 after rl", "best true reward"
  bool is_share = false;  // shown in percent
  int better = 1;         // 1: more is better, -1: less is better, 0: neither
  std::vector<MeasureOfGroup> groups;
};

// Steps that "best" is a mean over, so that one noisy step isn't it.
constexpr size_t kBestSteps = 7;

// Measures that some run has: of the last evaluation, of RL (at the end: the mean over its last
// tenth, at most ten steps), of reward models, of SFT and pretraining.
std::vector<RunMeasure> MeasuresOf(std::span<const RunGroup> groups);

// Mean of y over the runs of a group, at every x that all of its runs reach, of points by rising x:
// of curves that are lines between their points. `num_points` even steps from the largest first x
// to the smallest last. Empty curves count for nothing.
std::vector<std::pair<double, double>> MeanCurve(
    std::span<const std::vector<std::pair<double, double>>> curves, size_t num_points);

}  // namespace agon::judge
