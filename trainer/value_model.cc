#include "trainer/value_model.h"

#include <algorithm>

#include "core/error_place.h"
#include "trainer/rewards.h"

namespace agon::trainer {
namespace {

constexpr char kValueModel[] = "value model";

// Of each sampled token.
std::vector<double> TokenRewards(const Rollout& rollout, const RlConfig& config) {
  std::vector<double> rewards;
  double charged = 0.0;
  for (const double charge : KlCharges(rollout, config.loss)) {
    rewards.push_back(-charge);
    charged += charge;
  }
  // The episode's reward has been charged already.
  if (!rewards.empty()) rewards.back() += *rollout.reward + charged;
  return rewards;
}

struct TokenTargets {
  std::vector<float> old_values;
  std::vector<double> returns;
  std::vector<uint8_t> mask;
};

TokenTargets TargetsOf(const TrainBatch& batch) {
  TokenTargets targets;
  for (const Rollout* rollout : batch.rollouts) {
    const bool counts = !rollout->returns.empty();
    targets.old_values.insert(targets.old_values.end(), rollout->values.begin(),
                              rollout->values.end());
    targets.mask.insert(targets.mask.end(), rollout->values.size(), counts);
    targets.returns.insert(targets.returns.end(), rollout->returns.begin(), rollout->returns.end());
    targets.returns.resize(targets.mask.size());
  }
  return targets;
}

}  // namespace

void ScoreByValueModel(policy::Policy& value, const RlConfig& config, std::vector<Group>& groups) {
  PlaceErrors(kValueModel, [&] {
    ScoreTokens(groups, config.micro_batch_tokens, config.temperature, &Rollout::values,
                [&](const policy::PackedBatch& packed) { return value.Values(packed); });
  });
}

void AssignTokenAdvantages(const RlConfig& config, std::vector<Group>& groups) {
  std::vector<double> all;
  for (Group& group : groups) {
    for (Rollout& rollout : group) {
      if (!InLoss(rollout, config)) continue;
      const std::vector<double> rewards = TokenRewards(rollout, config);
      AGON_CHECK(rewards.size() == rollout.values.size(), "a value for each sampled token");
      std::vector<double> advantages(rewards.size());
      rollout.returns.resize(rewards.size());
      ComputeGae(rewards, rollout.values, config.gae, advantages, rollout.returns);
      all.insert(all.end(), advantages.begin(), advantages.end());
    }
  }
  Whiten(all, std::vector<uint8_t>(all.size(), 1));
  size_t next = 0;
  for (Group& group : groups) {
    for (Rollout& rollout : group) {
      for (size_t t = 0; t < rollout.returns.size(); ++t) {
        rollout.token_advantages.push_back(static_cast<float>(all[next++]));
      }
    }
  }
}

namespace {

ValueStats Update(std::span<const Group> groups, const RlConfig& config, float lr,
                  const StageContext& context) {
  double num_tokens = 0;
  for (const Group& group : groups) {
    for (const Rollout& rollout : group) num_tokens += static_cast<double>(rollout.returns.size());
  }
  ValueStats all;
  if (num_tokens == 0) return all;
  const auto shards =
      context.team.Accumulate<ValueStats>(*context.value, groups.size(), [&](const Range& range) {
        ValueStats stats;
        for (const TrainBatch& batch : PackGroups(groups.subspan(range.begin, range.size()),
                                                  config.micro_batch_tokens, config.temperature)) {
          const TokenTargets targets = TargetsOf(batch);
          const std::vector<float> values = context.value->Values(batch.packed);
          std::vector<float> dvalues(values.size());
          stats.Add(ValueLoss(values, targets.old_values, targets.returns, targets.mask,
                              static_cast<double>(config.value.clip), num_tokens, dvalues));
          context.value->BackwardValues(dvalues);
        }
        return stats;
      });
  for (const ValueStats& shard : shards) all.Add(shard);
  context.value->OptimizerStep(lr);
  return all;
}

}  // namespace

ValueStats UpdateValueModel(std::span<const Group> groups, const RlConfig& config, float lr,
                            const StageContext& context) {
  return PlaceErrors(kValueModel, [&] { return Update(groups, config, lr, context); });
}

}  // namespace agon::trainer
