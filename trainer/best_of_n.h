// Best-of-n sampling: what a reward model can do for a policy that isn't trained at all.
#pragma once

#include <span>
#include <vector>

#include "judge/exploits.h"
#include "policy/policy.h"
#include "trainer/trainer.h"

namespace agon::trainer {

struct ScoredReply {
  double proxy = 0, gold = 0;
};

// Expected proxy and gold of the best of n replies by the proxy, for n = 1, 2, 4, ... up to the
// replies of each task, which are equally many: over all subsets of n, as an unbiased estimate
// (equal proxies: in any order). Intervals are clustered by task. KL is log n - (n - 1) / n.
// REQUIRES: at least one task.
std::vector<judge::BestOfNPoint> BestOfN(std::span<const std::vector<ScoredReply>> tasks);

// Samples config.best_of_n replies to each of config.tasks_per_step validation tasks from
// context.policy, and has them scored by context.reward_models and the environment.
// REQUIRES: context.rl holds the scales of a run; config.env has one seat.
std::vector<judge::BestOfNPoint> MeasureBestOfN(const RlConfig& config,
                                                const StageContext& context);

}  // namespace agon::trainer
