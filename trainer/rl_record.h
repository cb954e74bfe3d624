// What an RL step leaves behind: its numbers for the log and the progress bar, the course of gold
// reward, and whether training ends here.
#pragma once

#include <string>
#include <string_view>

#include "trainer/curriculum.h"
#include "trainer/policy_update.h"
#include "trainer/rl_loop.h"
#include "trainer/run_log.h"
#include "trainer/trainer.h"

namespace agon::trainer {

// The number of that name; NaN if there is none, as where no episode was scored.
double Named(const Numbers& numbers, std::string_view name);

// Writes the step to the log and returns its numbers. With a learned reward it follows gold; where
// a limit or gold's peak says so it ends RL (context.rl->stopped), at the peak after going back.
Numbers RecordStep(const RlConfig& config, int step, float lr, const RolloutBatch& rollouts,
                   const StepUpdate& update, const Curriculum& curriculum,
                   const StageContext& context);

// Before the update of `step`: keeps the model after the step before, which its rollouts are of,
// if it is farther from the start than the last one kept.
void KeepIfFarther(int step, const RolloutBatch& rollouts, const StageContext& context);

// Of a step, for people and for its speed.
std::string DetailOf(const RlConfig& config, const Numbers& numbers);
double TokensOf(const RolloutBatch& rollouts, const StepUpdate& update);
double FlopOf(const RolloutBatch& rollouts, const StepUpdate& update,
              const policy::ModelConfig& model);

}  // namespace agon::trainer
