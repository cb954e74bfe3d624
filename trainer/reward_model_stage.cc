#include "trainer/reward_model_stage.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <utility>

#include "core/error.h"
#include "core/file.h"
#include "core/message_json.h"
#include "datasets/permutation.h"
#include "trainer/checkpoint.h"
#include "trainer/label_completions.h"

namespace agon::trainer {
namespace {

constexpr char kAverage[] = "reward-model-average";

LabelingConfig Labeling(const RewardModelConfig& config, envs::Split split) {
  LabelingConfig labeling;
  labeling.env = config.env;
  labeling.split = split;
  labeling.first_task = split == envs::Split::kTrain ? config.first_task : 0;
  labeling.num_tasks =
      split == envs::Split::kTrain ? config.num_preferences : config.val_preferences;
  labeling.num_completions = config.num_completions;
  labeling.max_new_tokens = config.max_new_tokens;
  labeling.labelers = config.labelers;
  labeling.labelers.seed = config.seed;
  return labeling;
}

std::string Lines(const std::vector<datasets::Preference>& preferences) {
  std::string lines;
  for (const auto& preference : preferences) lines += datasets::PreferenceLine(preference) + "\n";
  return lines;
}

// Moves up to `count` of `train` to `val`, prompts drawn by the seed, each with all its
// preferences or not at all: what was learned of a prompt says nothing about others. Files are
// put together from parts that differ, and none of them may be held out as a whole. Order stays.
void HoldOut(size_t count, uint64_t seed, PreferenceSets& sets) {
  std::map<std::string, size_t> numbers;  // of openings, as they first come
  std::vector<size_t> opening_of, sizes;
  for (const datasets::Preference& preference : sets.train) {
    const auto [known, is_new] = numbers.try_emplace(OpeningOf(preference.prompt), sizes.size());
    if (is_new) sizes.push_back(0);
    ++sizes[known->second];
    opening_of.push_back(known->second);
  }
  const datasets::Permutation order({.run_seed = seed, .stream = RngStream::kData}, sizes.size());
  std::vector<size_t> drawn(sizes.size());
  for (size_t i = 0; i < sizes.size(); ++i) drawn[order(i)] = i;
  std::vector<uint8_t> is_held_out(sizes.size());
  for (const size_t opening : drawn) {
    if (sizes[opening] > count) continue;
    is_held_out[opening] = 1;
    count -= sizes[opening];
  }
  std::vector<datasets::Preference> kept;
  for (size_t i = 0; i < opening_of.size(); ++i) {
    (is_held_out[opening_of[i]] ? sets.val : kept).push_back(std::move(sets.train[i]));
  }
  sets.train = std::move(kept);
}

}  // namespace

std::vector<std::string> RewardModelStages(const RewardModelConfig& config) {
  if (config.num_steps == 0) return {};
  if (config.num_members == 1) return {kRewardModelStage};
  std::vector<std::string> stages;
  for (int m = 1; m <= config.num_members; ++m) {
    stages.push_back(std::string(kRewardModelStage) + "-" + std::to_string(m));
  }
  return stages;
}

bool IsRewardModelStage(const std::string& stage) {
  return stage == kRewardModelStage || stage.starts_with(std::string(kRewardModelStage) + "-");
}

std::vector<fs::path> RewardModelDirs(const RewardModelConfig& config, const fs::path& run_dir) {
  if (config.average_weights) return {run_dir / "checkpoints" / kAverage};
  std::vector<fs::path> dirs;
  for (const std::string& stage : RewardModelStages(config)) {
    dirs.push_back(CheckpointDir(run_dir, stage, config.num_steps));
  }
  return dirs;
}

fs::path PreferencesDir(const fs::path& run_dir) { return run_dir / "preferences"; }

void WritePreferences(const RewardModelConfig& config, policy::Policy* policy,
                      const datasets::ChatTemplate& chat, const fs::path& run_dir) {
  const auto labeled = [&](envs::Split split) {
    const LabelingConfig labeling = Labeling(config, split);
    return config.source == CompletionSource::kPolicy ? LabelSamples(labeling, *policy, chat)
                                                      : LabelDemonstrations(labeling);
  };
  WriteDirAtomic(PreferencesDir(run_dir), [&](const fs::path& dir) {
    WriteFileAtomic(dir / "train.jsonl", Lines(labeled(envs::Split::kTrain)));
    WriteFileAtomic(dir / "val.jsonl", Lines(labeled(envs::Split::kVal)));
  });
}

PreferenceSets LoadPreferences(const RewardModelConfig& config, const fs::path& run_dir) {
  PreferenceSets sets;
  if (config.data.empty()) {
    sets.train = datasets::ReadPreferences(PreferencesDir(run_dir) / "train.jsonl");
    sets.val = datasets::ReadPreferences(PreferencesDir(run_dir) / "val.jsonl");
    return sets;
  }
  sets.train = datasets::ReadPreferences(config.data);
  if (!config.val_data.empty()) {
    sets.val = datasets::ReadPreferences(config.val_data);
    return sets;
  }
  const size_t held_out =
      std::min(sets.train.size() / 10, static_cast<size_t>(config.val_preferences));
  if (held_out == 0) {
    throw Error(ErrorKind::kUsage,
                std::to_string(sets.train.size()) + " preferences leave none to hold out",
                config.data, "give 10 or more, or name reward_model.val_data");
  }
  HoldOut(held_out, config.seed, sets);
  if (sets.val.empty()) {
    throw Error(ErrorKind::kUsage,
                "every prompt has more than " + std::to_string(held_out) +
                    " preferences, and a prompt is held out with all of them or not at all",
                config.data, "give preferences on more prompts, or name reward_model.val_data");
  }
  return sets;
}

std::string DescribePreferences(const PreferenceSets& sets) {
  char text[160];
  int length = std::snprintf(text, sizeof text, "%zu preferences, %zu held out", sets.train.size(),
                             sets.val.size());
  const double bayes = MeanBayesAccuracy(sets.val);
  if (bayes > 0) {
    length += std::snprintf(text + length, sizeof text - static_cast<size_t>(length),
                            "; an oracle is right on %.1f %% of held-out pairs", 100 * bayes);
  }
  return {text, static_cast<size_t>(length)};
}

void AverageWeights(const std::vector<fs::path>& dirs, const fs::path& out,
                    const datasets::ChatTemplate& chat) {
  const auto load = [](const fs::path& dir) {
    return policy::Policy::Load(dir, policy::ComputeType::kFloat32, {}, policy::Head::kScore);
  };
  AGON_CHECK(!dirs.empty(), "a mean of something");
  auto mean = load(dirs[0]);
  const std::vector<std::string> names = mean->TensorNames();
  std::vector<std::vector<double>> sums;
  for (const std::string& name : names) {
    const auto weights = mean->Weight(name);
    sums.emplace_back(weights.begin(), weights.end());
  }
  for (size_t m = 1; m < dirs.size(); ++m) {
    const auto member = load(dirs[m]);
    for (size_t t = 0; t < names.size(); ++t) {
      const auto weights = member->Weight(names[t]);
      AGON_CHECK(weights.size() == sums[t].size(), "members of one shape");
      for (size_t i = 0; i < weights.size(); ++i) sums[t][i] += static_cast<double>(weights[i]);
    }
  }
  for (size_t t = 0; t < names.size(); ++t) {
    const auto weights = mean->Weight(names[t]);
    for (size_t i = 0; i < weights.size(); ++i) {
      weights[i] = static_cast<float>(sums[t][i] / static_cast<double>(dirs.size()));
    }
  }
  mean->WeightsChanged();
  WriteDirAtomic(out, [&](const fs::path& dir) {
    mean->Save(dir);
    chat.Save(dir);
  });
}

}  // namespace agon::trainer
