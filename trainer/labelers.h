// Synthetic labelers: they see what completions are worth through their own taste, and slip. What
// an oracle could reach is therefore known exactly. All functions are pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace agon::trainer {

struct LabelerConfig {
  int num_labelers = 1;       // each task is given to one of them
  float disagreement = 0.0f;  // deviation of the logarithm of what a part weighs to a labeler
  float label_noise = 0.1f;   // in [0, 0.5]: share of pairs that come out the wrong way round
  uint64_t seed = 1;
};

// One completion as labelers see it: (parts) value * weight of each part of the gold reward.
using PartValues = std::vector<double>;

// What labeler `labeler` thinks it is worth: sum_p exp(disagreement z_lp) parts_p, z normal.
double LabelerUtility(const LabelerConfig& config, int labeler, std::span<const double> parts);

// The order, best first, in which the labeler of task `task` puts K completions: by utility,
// equals at random; with probability 2 label_noise all at random, so that each pair is turned
// round with probability label_noise.
std::vector<size_t> LabelTask(const LabelerConfig& config, uint64_t task,
                              std::span<const PartValues> completions);

// Accuracy on the pairs of these completions that nobody can expect to exceed who doesn't know
// which labeler has the task: the mean of max(p, 1 - p), p the probability over labelers and slips
// that a beats b. REQUIRES: two completions or more.
double BayesAccuracy(const LabelerConfig& config, std::span<const PartValues> completions);

}  // namespace agon::trainer
