// What a run adds around reward-model training: preferences on disk, members, their mean weights.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "trainer/reward_model_loop.h"

namespace agon::trainer {

// What a recipe calls its reward models, however many they are.
inline constexpr char kRewardModelStage[] = "reward-model";

// "reward-model", or "reward-model-1", ... of an ensemble; empty if the recipe trains none.
std::vector<std::string> RewardModelStages(const RewardModelConfig& config);
bool IsRewardModelStage(const std::string& stage);

// The directories of a finished run's reward models: the one of mean weights, or every member's.
std::vector<std::filesystem::path> RewardModelDirs(const RewardModelConfig& config,
                                                   const std::filesystem::path& run_dir);

// RUN/preferences, where synthetic labelers' work stands as train.jsonl and val.jsonl.
std::filesystem::path PreferencesDir(const std::filesystem::path& run_dir);

// Labels completions of `policy` or of demonstrators and writes them there, whole or not at all.
// REQUIRES: a policy, where its completions are labeled.
void WritePreferences(const RewardModelConfig& config, policy::Policy* policy,
                      const datasets::ChatTemplate& chat, const std::filesystem::path& run_dir);

// What the stage learns from: the files that the recipe names, or those of PreferencesDir. Without
// val_data a tenth of `data` is held out, at most val_preferences: prompts drawn by the seed, each
// with all its preferences; what begins with the same question is one prompt. Throws as
// datasets::ReadPreferences, and kUsage for too few.
PreferenceSets LoadPreferences(const RewardModelConfig& config,
                               const std::filesystem::path& run_dir);

// "1873 preferences, 480 held out; an oracle is right on 87.9 % of held-out pairs".
std::string DescribePreferences(const PreferenceSets& sets);

// One model whose weights are the mean of others' (Rame et al. 2024, WARM, arXiv 2401.12187).
// Written to `out`, whole or not at all, with the first one's tokenizer. REQUIRES: one or more of
// equal shapes.
void AverageWeights(const std::vector<std::filesystem::path>& dirs,
                    const std::filesystem::path& out, const datasets::ChatTemplate& chat);

}  // namespace agon::trainer
