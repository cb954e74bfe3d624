// The groups of one RL step: rollouts, rewards and advantages.
#pragma once

#include <memory>
#include <optional>
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

// Rolls out tasks_per_step groups of step `step`, in a game one for each seat that the policy
// plays; groups whose rewards are all equal are
// dropped and, for up to `refill_rounds` rounds, replaced by groups of new tasks. A pure
// function of (config, step, weights).
RolloutBatch CollectRollouts(const RlConfig& config, const std::shared_ptr<const envs::Env>& env,
                             const std::optional<judge::Player>& opponent, int step,
                             const StageContext& context);

// The reward that training uses: absent if the episode is masked, has an unscored part or a
// NaN, or ended before the seat was asked; else the seat's, changed by `overlong` if a token limit
// cut it.
std::optional<double> TrainingReward(const judge::Trajectory& trajectory, const RlConfig& config);

}  // namespace agon::trainer
