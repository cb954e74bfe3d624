#include "trainer/reward_model_loop.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "core/error.h"
#include "core/rng.h"
#include "datasets/permutation.h"
#include "trainer/step_meter.h"

namespace agon::trainer {
namespace {

// Over a shard.
struct PreferenceSums {
  PreferenceStats preferences;
  double context = 0;  // over tokens fed, of the tokens that each sees
  double num_tokens = 0;

  void Add(const PreferenceSums& other) {
    preferences.Add(other.preferences);
    context += other.context;
    num_tokens += other.num_tokens;
  }
};

PreferenceStats LossOf(const EncodedPreference& preference, std::span<const float> scores,
                       double normalizer, const RewardModelConfig& config,
                       std::span<float> dscores) {
  const PreferenceLossConfig loss{config.centering};
  normalizer /= preference.weight;
  if (scores.size() == 2) {
    return BradleyTerryLoss(scores, preference.margin, normalizer, loss, dscores);
  }
  return config.loss == PreferenceLoss::kPlackettLuce
             ? PlackettLuceLoss(scores, normalizer, loss, dscores)
             : AllPairsLoss(scores, normalizer, loss, dscores);
}

// `preferences` in batches, with their gradient if it is wanted.
PreferenceSums Read(policy::Policy& policy, std::span<const EncodedPreference* const> preferences,
                    double normalizer, const RewardModelConfig& config, bool learn) {
  std::vector<judge::CompletionGroup> groups;
  for (const EncodedPreference* preference : preferences) groups.push_back(preference->group);
  PreferenceSums sums;
  size_t next = 0;
  for (const judge::ValueBatch& batch : judge::PackForValues(groups, config.micro_batch_tokens)) {
    const std::vector<float> values = policy.Values(batch.packed);
    std::vector<float> derivatives(values.size());
    size_t begin = 0;
    for (size_t i = 0; i < batch.num_groups; ++i, ++next) {
      const size_t count = groups[next].completions.size();
      sums.preferences.Add(LossOf(*preferences[next], std::span(values).subspan(begin, count),
                                  normalizer, config,
                                  std::span(derivatives).subspan(begin, count)));
      begin += count;
    }
    if (learn) policy.BackwardValues(derivatives);
    sums.num_tokens += static_cast<double>(batch.packed.tokens.size());
    for (const auto& s : batch.packed.segments) {
      sums.context += s.length * (s.prefix_length + 0.5 * s.length);
    }
  }
  return sums;
}

// A member's own head, normal: what no preference speaks of stays as it was drawn, so that members
// differ where they know nothing.
void DrawHead(policy::Policy& policy, int member, const RewardModelConfig& config) {
  const std::span<float> head = policy.Weight("score.weight");
  Rng rng({.run_seed = config.seed,
           .stream = RngStream::kInit,
           .task = static_cast<uint64_t>(member) + 1});
  for (float& weight : head) weight = config.head_deviation * static_cast<float>(rng.Normal());
  policy.WeightsChanged();
}

// The preferences of step `step`: each epoch takes them all, in an order of its own.
std::vector<const EncodedPreference*> Draw(const std::vector<const EncodedPreference*>& all,
                                           int step, int member, const RewardModelConfig& config) {
  std::vector<const EncodedPreference*> drawn;
  const auto count = static_cast<uint64_t>(config.preferences_per_step);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t place = static_cast<uint64_t>(step - 1) * count + i;
    const datasets::Permutation order({.run_seed = config.seed,
                                       .stream = RngStream::kData,
                                       .step = place / all.size(),
                                       .task = static_cast<uint64_t>(member) + 1},
                                      all.size());
    drawn.push_back(all[order(place % all.size())]);
  }
  return drawn;
}

void AppendStats(const PreferenceStats& stats, bool is_validation, Numbers& numbers) {
  numbers.emplace_back(is_validation ? "val_loss" : "loss", stats.loss);
  numbers.emplace_back(is_validation ? "val_accuracy" : "accuracy",
                       stats.num_right / stats.num_pairs);
  numbers.emplace_back(is_validation ? "val_margin" : "margin", stats.margin_sum / stats.num_pairs);
  numbers.emplace_back(is_validation ? "val_reward" : "reward", stats.score_sum / stats.num_scores);
}

std::vector<EncodedPreference> EncodeOrRefuse(std::span<const datasets::Preference> preferences,
                                              const char* set, const std::string& stage,
                                              const StageContext& context) {
  const int longest = context.policy.config().max_positions;
  auto encoded = EncodePreferences(preferences, context.chat, longest);
  if (encoded.empty()) {
    throw Error(ErrorKind::kUsage,
                "none of " + std::to_string(preferences.size()) + " preferences fits " +
                    std::to_string(longest) + " tokens",
                std::string(set) + " preferences", "raise model.max_positions");
  }
  if (encoded.size() < preferences.size()) {
    context.log.Event(stage + ": " + std::to_string(preferences.size() - encoded.size()) + " of " +
                      std::to_string(preferences.size()) + " " + set +
                      " preferences are longer than the context and left out");
  }
  return encoded;
}

// One update by the whole team.
PreferenceSums Update(policy::Policy& policy, const std::vector<const EncodedPreference*>& batch,
                      const RewardModelConfig& config, const Team& team) {
  const auto shards =
      team.Accumulate<PreferenceSums>(policy, batch.size(), [&](const Range& range) {
        return Read(policy, std::span(batch).subspan(range.begin, range.size()),
                    static_cast<double>(batch.size()), config, /*learn=*/true);
      });
  PreferenceSums sums;
  for (const PreferenceSums& shard : shards) sums.Add(shard);
  return sums;
}

}  // namespace

std::vector<EncodedPreference> EncodePreferences(std::span<const datasets::Preference> preferences,
                                                 const datasets::ChatTemplate& chat,
                                                 int max_positions) {
  std::vector<EncodedPreference> encoded;
  for (const datasets::Preference& preference : preferences) {
    auto group =
        judge::EncodeCompletions(chat, preference.prompt, preference.completions, preference.leads);
    if (group.LongestTokens() > static_cast<size_t>(max_positions)) continue;
    encoded.push_back({std::move(group), preference.margin, preference.weight});
  }
  return encoded;
}

std::vector<size_t> ShareOfMember(size_t num_preferences, int member,
                                  const RewardModelConfig& config) {
  const datasets::Permutation order({.run_seed = config.seed,
                                     .stream = RngStream::kBootstrap,
                                     .task = static_cast<uint64_t>(member) + 1},
                                    num_preferences);
  // A float's share of 10, as 0.3, is a little more than 3.
  const double count = std::ceil((static_cast<double>(config.member_share) - 1e-7) *
                                 static_cast<double>(num_preferences));
  std::vector<size_t> share;
  for (size_t i = 0; i < num_preferences; ++i) {
    if (static_cast<double>(order(i)) < count) share.push_back(i);
  }
  return share;
}

PreferenceStats MeasurePreferences(policy::Policy& policy,
                                   std::span<const EncodedPreference> preferences,
                                   const RewardModelConfig& config) {
  std::vector<const EncodedPreference*> all;
  for (const EncodedPreference& preference : preferences) all.push_back(&preference);
  return Read(policy, all, static_cast<double>(all.size()), config, /*learn=*/false).preferences;
}

void RunRewardModel(const RewardModelConfig& config, const PreferenceSets& sets, int member,
                    const std::string& stage, const StageContext& context) {
  policy::Policy& policy = context.policy;
  const auto encoded = EncodeOrRefuse(sets.train, "training", stage, context);
  std::vector<const EncodedPreference*> train;
  for (const size_t i : ShareOfMember(encoded.size(), member, config)) train.push_back(&encoded[i]);
  const auto val = EncodeOrRefuse(sets.val, "held-out", stage, context);
  if (context.first_step == 1 && config.head_deviation > 0) DrawHead(policy, member, config);
  StepMeter meter(stage, config.num_steps, context);
  for (int step = context.first_step; step <= config.num_steps; ++step) {
    meter.Start();
    const float lr = config.schedule.At(step, config.num_steps);
    float grad_norm = 0;
    const PreferenceSums sums = meter.In(step, [&] {
      const PreferenceSums of_step =
          Update(policy, Draw(train, step, member, config), config, context.team);
      grad_norm = policy.OptimizerStep(lr);
      return of_step;
    });

    Numbers numbers;
    AppendStats(sums.preferences, /*is_validation=*/false, numbers);
    numbers.emplace_back("lr", lr);
    numbers.emplace_back("grad_norm", grad_norm);
    numbers.emplace_back("tokens", sums.num_tokens);
    char detail[64];
    std::snprintf(detail, sizeof detail, "loss %.3f  right %.1f%%", sums.preferences.loss,
                  100 * sums.preferences.num_right / sums.preferences.num_pairs);
    const double flop_per_token =
        policy.config().TrainFlopPerToken(sums.context / std::max(1.0, sums.num_tokens));
    meter.Finish(step, sums.num_tokens, sums.num_tokens * flop_per_token, detail);
    const bool validate =
        step == config.num_steps || (config.val_every > 0 && step % config.val_every == 0);
    if (validate) {
      const auto measured = meter.In(step, [&] { return MeasurePreferences(policy, val, config); });
      AppendStats(measured, /*is_validation=*/true, numbers);
    }
    context.log.Append(stage, step, numbers);
    SaveOrStop(step, config.num_steps, context);
  }
}

}  // namespace agon::trainer
