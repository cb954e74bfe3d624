#include "trainer/policy_update.h"

#include <algorithm>
#include <string>

#include "core/error.h"
#include "trainer/rewards.h"
#include "trainer/value_model.h"

namespace agon::trainer {
namespace {

// Scored tokens of a micro-batch that count: all of a rollout's, or none.
std::vector<uint8_t> LossMask(const TrainBatch& batch, const RlConfig& config) {
  std::vector<uint8_t> mask(batch.rollout_logprobs.size());
  for (size_t i = 0; i < batch.rollouts.size(); ++i) {
    std::fill(mask.begin() + batch.offsets[i], mask.begin() + batch.offsets[i + 1],
              InLoss(*batch.rollouts[i], config));
  }
  return mask;
}

std::vector<float> TokenAdvantages(const TrainBatch& batch) {
  std::vector<float> advantages(batch.rollout_logprobs.size());
  for (size_t i = 0; i < batch.rollouts.size(); ++i) {
    const auto begin = advantages.begin() + batch.offsets[i];
    const Rollout& rollout = *batch.rollouts[i];
    if (rollout.token_advantages.empty()) {
      std::fill(begin, advantages.begin() + batch.offsets[i + 1], rollout.advantage);
    } else {
      std::copy(rollout.token_advantages.begin(), rollout.token_advantages.end(), begin);
    }
  }
  return advantages;
}

std::vector<float> RefLogprobs(const TrainBatch& batch) {
  std::vector<float> logprobs;
  for (const Rollout* rollout : batch.rollouts) {
    logprobs.insert(logprobs.end(), rollout->ref_logprobs.begin(), rollout->ref_logprobs.end());
  }
  return logprobs;
}

// One forward and backward.
void Accumulate(const TrainBatch& batch, const LossNormalizer& normalizer, const RlConfig& config,
                const StageContext& context, UpdateStats& stats) {
  const auto mask = LossMask(batch, config);
  const auto advantages = TokenAdvantages(batch);
  const auto ref_logprobs =
      ChargesKl(config.loss, KlPlace::kLoss) ? RefLogprobs(batch) : std::vector<float>();
  const policy::TokenScores scores = context.policy.Score(batch.packed);
  std::vector<float> dlogprobs(scores.logprobs.size());
  stats.loss.Add(PolicyLoss(
      {scores.logprobs, batch.rollout_logprobs, ref_logprobs, advantages, mask, batch.offsets},
      config.loss, normalizer, dlogprobs));
  context.policy.Backward(dlogprobs);

  double context_tokens = 0;
  for (const auto& s : batch.packed.segments) {
    context_tokens += s.length * (s.prefix_length + 0.5 * s.length);
  }
  const auto tokens = static_cast<double>(batch.packed.tokens.size());
  stats.flop += tokens * context.policy.config().TrainFlopPerToken(context_tokens / tokens);
  stats.num_trained_tokens += tokens;
  for (size_t t = 0; t < mask.size(); ++t) {
    if (mask[t]) stats.entropy_sum += static_cast<double>(scores.entropies[t]);
  }
}

// The mask's counts over all groups of an optimizer step.
LossNormalizer NormalizerOf(std::span<const Group> groups, const RlConfig& config) {
  LossNormalizer normalizer;
  for (const Group& group : groups) {
    for (const Rollout& rollout : group) {
      const int tokens = InLoss(rollout, config) ? rollout.trajectory.CompletionTokens() : 0;
      normalizer.num_tokens += tokens;
      normalizer.num_trajectories += tokens > 0;
    }
  }
  return normalizer;
}

// One optimizer step on some groups, by the whole team.
void UpdateOnce(std::span<const Group> groups, float lr, const RlConfig& config,
                const StageContext& context, StepUpdate& update) {
  const LossNormalizer normalizer = NormalizerOf(groups, config);
  if (normalizer.num_tokens == 0) return;
  const auto shards =
      context.team.Accumulate<UpdateStats>(context.policy, groups.size(), [&](const Range& range) {
        UpdateStats stats;
        for (const TrainBatch& batch : PackGroups(groups.subspan(range.begin, range.size()),
                                                  config.micro_batch_tokens, config.temperature)) {
          Accumulate(batch, normalizer, config, context, stats);
        }
        return stats;
      });
  UpdateStats all;
  for (const UpdateStats& shard : shards) all.Add(shard);
  AGON_CHECK(all.loss.num_tokens == normalizer.num_tokens,
             "what the loss sums over and what it is divided by share one mask");
  if (update.num_updates++ == 0) update.on_policy_difference = all.loss.logprob_diff_max;
  update.stats.Add(all);
  update.grad_norm = static_cast<double>(context.policy.OptimizerStep(lr));
}

}  // namespace

StepUpdate UpdatePolicy(std::span<const Group> groups, int step, float lr, const RlConfig& config,
                        const StageContext& context) {
  const bool has_value = config.advantage == AdvantageKind::kGae;
  const bool is_warm = !has_value || step > config.value.warmup_steps;
  StepUpdate update;
  const auto parts = static_cast<size_t>(config.num_minibatches);
  for (int epoch = 0; epoch < config.num_epochs; ++epoch) {
    for (size_t part = 0; part < parts; ++part) {
      const Range range = PartOf(groups.size(), part, parts);
      if (range.size() == 0) continue;
      const auto some = groups.subspan(range.begin, range.size());
      if (has_value) {
        const ValueStats value =
            UpdateValueModel(some, config, config.value.learning_rate, context);
        if (epoch == 0) update.value.Add(value);
      }
      if (is_warm) UpdateOnce(some, lr, config, context, update);
    }
  }
  if (update.on_policy_difference != 0.0) {
    throw Error(ErrorKind::kFailed,
                "log-probabilities of sampler and trainer differ by " +
                    std::to_string(update.on_policy_difference),
                "", "this is a bug of the engine: please report the model's config.json");
  }
  return update;
}

}  // namespace agon::trainer
