// Measures a run's reward models on held-out preferences.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "judge/reward_checkpoints.h"
#include "judge/reward_quality.h"
#include "trainer/reward_model_loop.h"

namespace agon::trainer {

// Each member, then their mean if there are several. Preferences that don't fit the context are
// left out. Throws Error(kUsage) if none is left.
std::vector<judge::RewardQuality> MeasureEnsemble(
    judge::RewardCheckpoints& models, std::span<const datasets::Preference> preferences);

// Of all members of a run, their mean, and what has their mean weights, the one that is used last.
std::vector<judge::RewardQuality> MeasureRewardModels(
    const RewardModelConfig& config, const std::filesystem::path& run_dir,
    std::span<const datasets::Preference> preferences, const policy::Device& device);

}  // namespace agon::trainer
