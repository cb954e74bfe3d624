// The groups of one RL step: rollouts, rewards and advantages.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "envs/env.h"
#include "judge/exploits.h"
#include "trainer/pack.h"
#include "trainer/rollout_statistics.h"
#include "trainer/run_log.h"
#include "trainer/trainer.h"

namespace agon::trainer {

struct RolloutBatch {
  std::vector<Group> groups;  // those with something to learn; may be empty
  int num_zero_variance = 0;  // groups dropped
  int num_refilled = 0;       // groups that were rolled out to replace dropped ones
  int64_t num_sampled_tokens = 0;
  // Of the first round, so that what is dropped counts, too.
  std::vector<judge::Exploit> exploits;  // with learned rewards
  MeanGold gold;
  Numbers statistics;  // RolloutStatistics
};

// Rolls out tasks_per_step groups of step `step`; those whose rewards are all equal are dropped
// and, for up to `refill_rounds` rounds, replaced by groups of other tasks. A pure function of
// (config, step, weights) and, with learned rewards, of context.rl, whose scales it brings up to
// date: then that must be there.
RolloutBatch CollectRollouts(const RlConfig& config, const std::shared_ptr<const envs::Env>& env,
                             const std::optional<judge::Player>& opponent, int step,
                             const StageContext& context);

}  // namespace agon::trainer
