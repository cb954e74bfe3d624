// Reinforcement learning, top to bottom: roll out, reward, compare within the group, update.
#include "trainer/rl_loop.h"

#include <cmath>

#include "core/error.h"
#include "judge/frozen_opponent.h"
#include "trainer/advantages.h"
#include "trainer/curriculum.h"
#include "trainer/policy_update.h"
#include "trainer/rewards.h"
#include "trainer/rl_record.h"
#include "trainer/rollouts.h"
#include "trainer/step_meter.h"
#include "trainer/value_model.h"

namespace agon::trainer {

RolloutBatch CollectRollouts(const RlConfig& config, const std::shared_ptr<const envs::Env>& env,
                             const std::optional<judge::Player>& opponent, int step,
                             const StageContext& context) {
  const bool is_learned = config.learned.is_on();
  AGON_CHECK(!is_learned || context.rl, "scales of learned rewards have their place");
  const bool has_value = config.advantage == AdvantageKind::kGae;
  RolloutBatch batch;
  TaskRange tasks{TasksOfStep(config, step).first, config.tasks_per_step};
  for (int round = 0; round <= config.refill_rounds && tasks.count > 0; ++round) {
    // A task's prompt is encoded, the policy completes it, the environment answers, until the
    // episode is over: group_size trajectories of tokens, mask and log-probabilities for each.
    Episodes episodes = RollOut(config, env, opponent, tasks, step, context);
    std::vector<Group>& groups = episodes.groups;

    // Rewards: the environment's and those of learned models, less what KL and length cost. What
    // nobody could score has none.
    const bool is_first = round == 0;
    if (is_first && is_learned) ObserveScores(config, groups, *context.rl);
    AssignRewards(config, is_learned ? context.rl->scales : ScoreScales(), groups);
    if (is_first) {
      batch.exploits = std::move(episodes.exploits);
      batch.gold = GoldOf(groups);
      batch.statistics = RolloutStatistics(config, env->info().max_reward, context.rl, groups);
    }

    // Advantages: what a reward is above its group's mean. A group of equal rewards teaches
    // nothing, but for a value model, which learns from every one.
    int num_kept = 0;
    for (Group& group : groups) {
      for (const Rollout& r : group) batch.num_sampled_tokens += r.trajectory.CompletionTokens();
      if (has_value || AssignAdvantages(config.advantage, group)) {
        batch.groups.push_back(std::move(group));
        ++num_kept;
      } else {
        ++batch.num_zero_variance;
      }
    }

    // The next round replaces what was dropped.
    if (!is_first) batch.num_refilled += tasks.count;
    tasks = {tasks.first + static_cast<uint64_t>(tasks.count), tasks.count - num_kept};
  }
  if (has_value) AssignTokenAdvantages(config, batch.groups);
  return batch;
}

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

    const RolloutBatch rollouts = meter.In(step, [&] {
      return CollectRollouts(config, curriculum.env(), opponent.get(), step, context);
    });
    const double rollout_seconds = meter.Seconds();
    const GoldOutlook outlook = WatchGold(config, step, rollouts, context);

    // Packing, loss, backward, optimizer.
    const float lr = config.schedule.At(step, config.num_steps);
    const StepUpdate update =
        meter.In(step, [&] { return UpdatePolicy(rollouts.groups, step, lr, config, context); });

    const Numbers numbers =
        RecordStep(config, step, lr, rollouts, update, outlook, curriculum, context);
    meter.Finish(step, TokensOf(rollouts, update),
                 FlopOf(rollouts, update, context.policy.config()), DetailOf(config, numbers),
                 {{"rollout_s", rollout_seconds}, {"train_s", meter.Seconds() - rollout_seconds}});

    // What this step says about how to go on.
    if (curriculum.Observe(Named(numbers, "correct"))) {
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
