#include "trainer/reward_model_quality.h"

#include <string>
#include <utility>

#include "core/error.h"
#include "trainer/reward_model_stage.h"

namespace agon::trainer {
namespace {

struct HeldOut {
  std::vector<judge::CompletionGroup> groups;
  std::vector<judge::ScoredPreference> scored;  // all but rewards
};

HeldOut Encode(const judge::RewardCheckpoints& models,
               std::span<const datasets::Preference> preferences) {
  HeldOut held_out;
  for (const datasets::Preference& preference : preferences) {
    auto group = judge::EncodeCompletions(models.chat(), preference.prompt, preference.completions,
                                          preference.leads);
    if (group.LongestTokens() > static_cast<size_t>(models.max_positions())) continue;
    judge::ScoredPreference scored;
    for (const auto& completion : group.completions) {
      scored.lengths.push_back(static_cast<double>(completion.size()));
    }
    scored.gold = preference.gold;
    scored.bayes_accuracy = preference.bayes_accuracy;
    held_out.scored.push_back(std::move(scored));
    held_out.groups.push_back(std::move(group));
  }
  if (held_out.groups.empty()) {
    throw Error(ErrorKind::kUsage, "no held-out preference fits the reward model's context");
  }
  return held_out;
}

// `rewards` are of all completions, one preference after another.
judge::RewardQuality Measure(std::string name, HeldOut& held_out,
                             const std::vector<double>& rewards) {
  auto next = rewards.begin();
  for (judge::ScoredPreference& scored : held_out.scored) {
    const auto end = next + static_cast<ptrdiff_t>(scored.lengths.size());
    scored.rewards.assign(next, end);
    next = end;
  }
  return judge::MeasureRewardQuality(std::move(name), held_out.scored);
}

}  // namespace

std::vector<judge::RewardQuality> MeasureEnsemble(
    judge::RewardCheckpoints& models, std::span<const datasets::Preference> preferences) {
  HeldOut held_out = Encode(models, preferences);
  const auto by_member = models.MemberRewards(held_out.groups);
  std::vector<judge::RewardQuality> qualities;
  if (by_member.size() == 1) {
    qualities.push_back(Measure(kRewardModelStage, held_out, by_member[0]));
    return qualities;
  }
  std::vector<double> mean(by_member[0].size());
  for (size_t m = 0; m < by_member.size(); ++m) {
    qualities.push_back(Measure("member " + std::to_string(m + 1), held_out, by_member[m]));
    for (size_t i = 0; i < mean.size(); ++i) {
      mean[i] += by_member[m][i] / static_cast<double>(by_member.size());
    }
  }
  qualities.push_back(Measure("mean reward", held_out, mean));
  return qualities;
}

std::vector<judge::RewardQuality> MeasureRewardModels(
    const RewardModelConfig& config, const std::filesystem::path& run_dir,
    std::span<const datasets::Preference> preferences, const policy::Device& device) {
  RewardModelConfig separate = config;
  separate.average_weights = false;
  judge::RewardCheckpoints members(RewardModelDirs(separate, run_dir), {}, device);
  auto qualities = MeasureEnsemble(members, preferences);
  if (config.average_weights) {
    judge::RewardCheckpoints average(RewardModelDirs(config, run_dir), {}, device);
    qualities.push_back(MeasureEnsemble(average, preferences)[0]);
    qualities.back().model = "mean weights";
  }
  return qualities;
}

}  // namespace agon::trainer
