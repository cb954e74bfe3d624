// What an RL step leaves behind: its numbers for the log and the progress bar, the course of gold
// reward, and whether training ends here.
#pragma once

#include <string>
#include <string_view>

#include "trainer/curriculum.h"
#include "trainer/gold_watch.h"
#include "trainer/policy_update.h"
#include "trainer/rl_loop.h"
#include "trainer/run_log.h"
#include "trainer/trainer.h"

namespace agon::trainer {

// The number of that name; NaN if there is none, as where no episode was scored.
double Named(const Numbers& numbers, std::string_view name);

// Before the update of `step`, whose rollouts are of the model after the step before: follows gold
// under a learned reward; with rl.stop_at_peak that model is kept while it may be gone back to.
GoldOutlook WatchGold(const RlConfig& config, int step, const RolloutBatch& rollouts,
                      const StageContext& context);

// Writes the step to the log and returns its numbers. Where a limit or fallen gold says so it ends
// RL (context.rl->stopped), in the second case after going back to gold's top.
Numbers RecordStep(const RlConfig& config, int step, float lr, const RolloutBatch& rollouts,
                   const StepUpdate& update, const GoldOutlook& outlook,
                   const Curriculum& curriculum, const StageContext& context);

// Of a step, for people and for its speed.
std::string DetailOf(const RlConfig& config, const Numbers& numbers);
double TokensOf(const RolloutBatch& rollouts, const StepUpdate& update);
double FlopOf(const RolloutBatch& rollouts, const StepUpdate& update,
              const policy::ModelConfig& model);

}  // namespace agon::trainer
