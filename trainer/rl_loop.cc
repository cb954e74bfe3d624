// Reinforcement learning: roll out, score, compare within the group, update.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/error.h"
#include "judge/frozen_opponent.h"
#include "judge/metrics.h"
#include "trainer/curriculum.h"
#include "trainer/gold_watch.h"
#include "trainer/losses.h"
#include "trainer/rewards.h"
#include "trainer/rollouts.h"
#include "trainer/step_meter.h"
#include "trainer/trainer.h"
#include "trainer/value_model.h"

namespace agon::trainer {
namespace {

// Sums over the tokens in the loss; those of shards add up.
struct UpdateStats {
  LossStats loss;
  double entropy_sum = 0;
  double num_trained_tokens = 0;
  double flop = 0;

  void Add(const UpdateStats& other) {
    loss.Add(other.loss);
    entropy_sum += other.entropy_sum;
    num_trained_tokens += other.num_trained_tokens;
    flop += other.flop;
  }
};

// All updates of a step.
struct StepUpdate {
  UpdateStats stats;
  double on_policy_difference = 0;  // before the first update
  double grad_norm = 0;             // of the last update
  ValueStats value;                 // of the first pass, if there is a value model
};

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

// One forward and backward.
void Accumulate(const TrainBatch& batch, const LossNormalizer& normalizer, const RlConfig& config,
                const StageContext& context, UpdateStats& stats) {
  const auto mask = LossMask(batch, config);
  const auto advantages = TokenAdvantages(batch);
  const policy::TokenScores scores = context.policy.Score(batch.packed);
  std::vector<float> dlogprobs(scores.logprobs.size());
  stats.loss.Add(PolicyLoss({scores.logprobs, batch.rollout_logprobs, batch.ref_logprobs,
                             advantages, mask, batch.offsets},
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
  update.stats.Add(all);
  update.grad_norm = static_cast<double>(context.policy.OptimizerStep(lr));
}

// All updates of a step. The first sees the weights that sampled, so its log-probabilities
// must be the sampler's, bit for bit.
StepUpdate UpdatePolicy(const RolloutBatch& rollouts, int step, float lr, const RlConfig& config,
                        const StageContext& context) {
  const bool has_value = config.advantage == AdvantageKind::kGae;
  const bool is_warm = !has_value || step > config.value.warmup_steps;
  StepUpdate update;
  const std::span<const Group> groups(rollouts.groups);
  const auto parts = static_cast<size_t>(config.num_minibatches);
  bool first = true;
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
      if (!is_warm) continue;
      UpdateOnce(some, lr, config, context, update);
      if (first) update.on_policy_difference = update.stats.loss.logprob_diff_max;
      first = false;
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

Numbers StepNumbers(const RolloutBatch& rollouts, const StepUpdate& update, float lr) {
  const LossStats& loss = update.stats.loss;
  const double tokens = std::max(1.0, loss.num_tokens);
  Numbers numbers = rollouts.statistics;
  const Numbers of_update = {{"loss", loss.loss},
                             {"kl", loss.kl_sum / tokens},
                             {"entropy", update.stats.entropy_sum / tokens},
                             {"ratio_max", loss.ratio_max},
                             {"clip_fraction", loss.num_clipped / tokens},
                             {"logprob_diff_max", update.on_policy_difference},
                             {"grad_norm", update.grad_norm},
                             {"lr", lr},
                             {"zero_variance_groups", rollouts.num_zero_variance},
                             {"refilled_groups", rollouts.num_refilled}};
  numbers.insert(numbers.end(), of_update.begin(), of_update.end());
  if (update.value.num_tokens > 0) {
    numbers.emplace_back("value_loss", update.value.error_squares / update.value.num_tokens / 2);
    numbers.emplace_back("explained_variance", update.value.ExplainedVariance());
    numbers.emplace_back("value_clip_fraction", update.value.num_clipped / update.value.num_tokens);
  }
  return numbers;
}

// The number of that name; NaN if there is none, as where no episode was scored.
double Named(const Numbers& numbers, std::string_view name) {
  const auto has_name = [&](const auto& number) { return number.first == name; };
  const auto it = std::find_if(numbers.begin(), numbers.end(), has_name);
  return it == numbers.end() ? NAN : it->second;
}

// For the progress bar.
std::string Detail(const Numbers& numbers, const RlConfig& config) {
  char text[160];
  std::snprintf(text, sizeof text,
                "reward %.3f  length %.1f  kl %.4f  clip %.3f  zero-var %.0f  cut %.0f%%",
                Named(numbers, "reward"), Named(numbers, "length"), Named(numbers, "kl"),
                Named(numbers, "clip_fraction"), Named(numbers, "zero_variance_groups"),
                100.0 * Named(numbers, "truncated"));
  std::string detail = text;
  if (config.learned.is_on()) {
    std::snprintf(text, sizeof text, "gold %.3f  proxy %+.2f  distance %.2f  ",
                  Named(numbers, "gold"), Named(numbers, "proxy"), Named(numbers, "distance"));
    detail = text + detail;
  }
  if (config.curriculum.empty()) return detail;
  return config.curriculum + " " + std::to_string(static_cast<int>(Named(numbers, "level"))) +
         "  " + detail;
}

// What the log says of a learned reward.
GoldOutlook Observe(const RolloutBatch& rollouts, GoldCourse& course, Numbers& numbers) {
  GoldOutlook outlook = ObserveGold(Named(rollouts.statistics, "distance"),
                                    Named(rollouts.statistics, "gold"), course);
  if (outlook.fit) {
    numbers.emplace_back("fit_start", outlook.start);
    numbers.emplace_back("fit_alpha", outlook.fit->alpha);
    numbers.emplace_back("fit_beta", outlook.fit->beta);
  }
  if (outlook.peak) numbers.emplace_back("fit_peak", *outlook.peak);
  return outlook;
}

// Before the update of `step`: its rollouts are of the model after the step before.
void KeepIfFarther(int step, const RolloutBatch& rollouts, const StageContext& context) {
  if (!Keep(step - 1, Named(rollouts.statistics, "distance"), context.rl->course)) return;
  if (context.keep) context.keep(step - 1);
}

// Ends RL here if it should end before its last step; `numbers` then say where it went back to.
void StopIfDone(const RlConfig& config, int step, const GoldOutlook& outlook, Numbers& numbers,
                const StageContext& context) {
  RlState& state = *context.rl;
  char reason[240];
  if (config.kl_limit > 0 &&
      Named(numbers, "kl_completion") >= static_cast<double>(config.kl_limit)) {
    std::snprintf(reason, sizeof reason, "KL of %.2f nats per completion has reached rl.kl_limit",
                  Named(numbers, "kl_completion"));
  } else if (config.stop_at_peak && outlook.is_past) {
    const int length =
        std::snprintf(reason, sizeof reason, "gold reward falls beyond distance %.3f, this is %.3f",
                      *outlook.peak, state.course.points.back().distance);
    const auto kept = KeptNear(*outlook.peak, state.course);
    if (kept && context.go_back) {
      context.go_back(kept->step);
      std::snprintf(reason + length, sizeof reason - static_cast<size_t>(length),
                    "; went back to the model after step %d, at distance %.3f", kept->step,
                    kept->distance);
      numbers.emplace_back("went_back_to", kept->step);
    }
  } else {
    return;
  }
  state.stopped = true;
  context.log.Event("rl ends after step " + std::to_string(step) + ": " + reason);
}

}  // namespace

void RunRl(const RlConfig& recipe, const StageContext& outer) {
  CheckRl(recipe, outer.policy.config());
  RlState own_state;
  StageContext context = outer;
  if (!context.rl) context.rl = &own_state;
  AGON_CHECK(context.value || recipe.advantage != AdvantageKind::kGae, "gae needs a value model");
  RlState& state = *context.rl;
  RlConfig config = recipe;
  Curriculum curriculum(config, state.curriculum);
  const judge::FrozenOpponent opponent(config.opponent, context.policy.device(), RowsOf(config));
  StepMeter meter("rl", config.num_steps, context);
  for (int step = context.first_step; step <= config.num_steps && !state.stopped; ++step) {
    meter.Start();
    config.loss.kl_coef = state.kl_coef.value_or(recipe.loss.kl_coef);

    // Tasks, prompts, completions, environment steps, rewards, advantages.
    const RolloutBatch rollouts = meter.In(step, [&] {
      return CollectRollouts(config, curriculum.env(), opponent.get(), step, context);
    });
    const double rollout_seconds = meter.Seconds();
    if (rollouts.groups.empty()) {
      context.log.Event("rl step " + std::to_string(step) +
                        ": every group's rewards were equal, there was nothing to learn");
    }

    if (config.stop_at_peak) KeepIfFarther(step, rollouts, context);

    // Packing, loss, backward, optimizer.
    const float lr = config.schedule.At(step, config.num_steps);
    const StepUpdate update =
        meter.In(step, [&] { return UpdatePolicy(rollouts, step, lr, config, context); });

    Numbers numbers = StepNumbers(rollouts, update, lr);
    if (curriculum.is_active()) numbers.emplace_back("level", curriculum.level());
    if (opponent.get()) {
      // Over the frozen one, from this step's games as they were won and lost.
      numbers.emplace_back("elo", judge::EloDifference(rollouts.gold.value, rollouts.gold.count));
    }
    if (config.loss.kl_target > 0) numbers.emplace_back("kl_coef", config.loss.kl_coef);
    GoldOutlook outlook;
    if (config.learned.is_on()) outlook = Observe(rollouts, state.course, numbers);
    StopIfDone(config, step, outlook, numbers, context);
    context.log.Append("rl", step, numbers);
    for (const judge::Exploit& exploit : rollouts.exploits) {
      context.log.AppendExploit(judge::ExploitLine("rl", exploit));
    }

    const auto sampled = static_cast<double>(rollouts.num_sampled_tokens);
    const double decode_flop =
        sampled * 2.0 * static_cast<double>(context.policy.config().NumParameters());
    meter.Finish(step, sampled + update.stats.num_trained_tokens, update.stats.flop + decode_flop,
                 Detail(numbers, config),
                 {{"rollout_s", rollout_seconds}, {"train_s", meter.Seconds() - rollout_seconds}});
    if (curriculum.Observe(Named(rollouts.statistics, "correct"))) {
      context.log.Event("rl step " + std::to_string(step) + ": " + config.curriculum + " " +
                        std::to_string(curriculum.level()) + " opened");
    }
    state.curriculum = curriculum.state();
    const double kl = Named(numbers, "kl_completion");
    if (config.loss.kl_target > 0 && std::isfinite(kl)) {
      state.kl_coef =
          AdaptKlCoef(config.loss.kl_coef, kl, static_cast<double>(config.loss.kl_target));
    }
    SaveOrStop(step, state.stopped ? step : config.num_steps, context);
  }
}

}  // namespace agon::trainer
