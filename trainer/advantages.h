// Group advantages: how much better an episode did than its siblings.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "trainer/pack.h"
#include "trainer/trainer.h"

namespace agon::trainer {

struct GroupAdvantages {
  // (G) in the order of the rewards; 0 for an episode without a reward.
  std::vector<float> values;
  // All scored rewards are equal (or fewer than two are scored): nothing to learn.
  bool zero_variance = false;
};

// Advantages of one group. A reward is absent for a masked or unscored episode: it stays
// out of the baseline and gets advantage 0. NaN counts as absent.
//   kMean     r - mean                    (Dr. GRPO, Liu et al. 2025)
//   kMeanStd  (r - mean) / (std + 1e-4)   (GRPO, Shao et al. 2024; sample deviation, n - 1)
//   kRloo     r - mean of the others      (Ahmadian et al. 2024)
// REQUIRES: at least two rewards in the group, absent ones counted.
GroupAdvantages ComputeAdvantages(std::span<const std::optional<double>> rewards,
                                  AdvantageKind kind);

// Fills `advantage` of a group's rollouts. Returns whether there is something to learn.
bool AssignAdvantages(AdvantageKind kind, Group& group);

}  // namespace agon::trainer
