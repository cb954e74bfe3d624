// The groups of one RL step: rollouts, rewards and advantages.
#pragma once

#include <vector>

#include "envs/env.h"
#include "trainer/pack.h"
#include "trainer/run_log.h"
#include "trainer/trainer.h"

namespace agon::trainer {

struct RolloutBatch {
  std::vector<Group> groups;  // those with something to learn; may be empty
  int num_zero_variance = 0;  // groups dropped
  int num_refilled = 0;       // groups that were rolled out to replace dropped ones
  int64_t num_sampled_tokens = 0;
  Numbers statistics;  // of the first round: reward, reward_std, correct, length,
                       // truncated, masked, episodes
};

// Rolls out tasks_per_step groups of step `step`; groups whose rewards are all equal are
// dropped and, for up to `refill_rounds` rounds, replaced by groups of new tasks. A pure
// function of (config, step, weights).
RolloutBatch CollectRollouts(const RlConfig& config, const envs::Env& env, int step,
                             const StageContext& context);

// The reward that training uses: absent if the episode is masked, has an unscored part or a
// NaN; else the outcome's, changed by `overlong` if a token limit cut it.
std::optional<double> TrainingReward(const judge::Trajectory& trajectory, const RlConfig& config);

}  // namespace agon::trainer
