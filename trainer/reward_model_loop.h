// Reward-model training: the body that SFT made learns with a scalar head, from preferences.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "datasets/preferences.h"
#include "judge/completion_groups.h"
#include "trainer/labelers.h"
#include "trainer/preference_losses.h"
#include "trainer/trainer.h"

namespace agon::trainer {

enum class PreferenceLoss { kBradleyTerry, kPlackettLuce };
enum class CompletionSource { kPolicy, kDemonstrations };

struct RewardModelConfig {
  int num_steps = 0;
  std::string data;      // preference file; "": synthetic labelers rank what `source` says
  std::string val_data;  // held-out preferences; "": a tenth of `data`
  std::string env = "text/reply";
  CompletionSource source = CompletionSource::kPolicy;
  int num_preferences = 2000;  // tasks that are labeled
  int num_completions = 2;     // K of each
  int max_new_tokens = 96;     // of a policy's completion
  LabelerConfig labelers;
  uint64_t first_task = 2000000;  // labeled tasks are [first_task, ...) of the train split
  int preferences_per_step = 32;
  PreferenceLoss loss = PreferenceLoss::kBradleyTerry;
  float centering = 0.01f;
  int num_members = 1;
  float member_share = 1;        // of the preferences, that one member learns from
  float head_deviation = 0;      // of the weights that a head begins with
  bool average_weights = false;  // one model of the members' mean weights
  int micro_batch_tokens = 4096;
  Schedule schedule{1e-3f, 10, 0.1f};
  policy::OptimizerConfig optimizer{};
  int val_every = 50;
  int val_preferences = 500;
  uint64_t seed = 1;
};

struct PreferenceSets {
  std::vector<datasets::Preference> train, val;
};

// A preference as the model reads it.
struct EncodedPreference {
  judge::CompletionGroup group;  // best first
  double margin = 0, weight = 1;
};

// Which of them a member learns from, rising: member_share of all, rounded up, drawn by the seed.
std::vector<size_t> ShareOfMember(size_t num_preferences, int member,
                                  const RewardModelConfig& config);

// Those that fit `max_positions`, in order.
std::vector<EncodedPreference> EncodePreferences(std::span<const datasets::Preference> preferences,
                                                 const datasets::ChatTemplate& chat,
                                                 int max_positions);

// Loss, divided by the number of preferences, each times its weight, and what reports count.
PreferenceStats MeasurePreferences(policy::Policy& policy,
                                   std::span<const EncodedPreference> preferences,
                                   const RewardModelConfig& config);

// All completions of a preference are read in one batch, each once, so that every pair of it is
// in the same update (Ouyang et al. 2022, section 3.5). Member m of an ensemble sees its share of
// the preferences in its own order; all begin with the same weights but for their heads, if
// head_deviation isn't 0. Logs as `stage`. Throws
// Error(kUsage) if no preference fits the context. REQUIRES: the policy has a score head.
void RunRewardModel(const RewardModelConfig& config, const PreferenceSets& sets, int member,
                    const std::string& stage, const StageContext& context);

}  // namespace agon::trainer
