// Preferences between completions of an environment's tasks, by synthetic labelers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datasets/chat.h"
#include "datasets/preferences.h"
#include "envs/env.h"
#include "policy/policy.h"
#include "trainer/labelers.h"

namespace agon::trainer {

struct LabelingConfig {
  std::string env = "text/reply";  // of one turn and one seat
  envs::Split split = envs::Split::kTrain;
  uint64_t first_task = 0;
  int num_tasks = 1000;
  int num_completions = 2;  // K of each preference
  int max_new_tokens = 96;  // of a policy's
  LabelerConfig labelers;   // their seed is the tasks', too
};

// One preference for each task of which `num_completions` different things were said in 2K tries:
// by the policy at temperature 1, or by the environment's demonstrators of both kinds. What a token
// limit cut doesn't count. Pure functions of their arguments (and the weights); they draw a
// progress bar. Throw Error(kUsage) for an environment of several turns or without demonstrations,
// kFailed if no task is left.
std::vector<datasets::Preference> LabelSamples(const LabelingConfig& config, policy::Policy& policy,
                                               const datasets::ChatTemplate& chat);
std::vector<datasets::Preference> LabelDemonstrations(const LabelingConfig& config);

// Mean of `bayes_accuracy` over pairs; 0 if some preference has none.
double MeanBayesAccuracy(const std::vector<datasets::Preference>& preferences);

}  // namespace agon::trainer
