#include "trainer/rl_record.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "judge/metrics.h"

namespace agon::trainer {
namespace {

Numbers StepNumbers(const RolloutBatch& rollouts, const StepUpdate& update, float lr) {
  const LossStats& loss = update.stats.loss;
  const double tokens = std::max(1.0, loss.num_tokens);
  Numbers numbers = rollouts.statistics;
  const Numbers of_update = {{"loss", loss.loss / std::max(1, update.num_updates)},
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

// What the log says of a learned reward.
void AppendOutlook(const GoldOutlook& outlook, Numbers& numbers) {
  if (outlook.fit) {
    numbers.emplace_back("fit_start", outlook.start);
    numbers.emplace_back("fit_alpha", outlook.fit->alpha);
    numbers.emplace_back("fit_beta", outlook.fit->beta);
  }
  if (outlook.peak) numbers.emplace_back("fit_peak", *outlook.peak);
  if (outlook.top) {
    numbers.emplace_back("top_gold", outlook.top->gold);
    numbers.emplace_back("top_distance", outlook.top->distance);
  }
}

// Ends RL here if it should end before its last step; `numbers` then say where it went back to.
void StopIfDone(const RlConfig& config, int step, const GoldOutlook& outlook, Numbers& numbers,
                const StageContext& context) {
  const bool is_last = step == config.num_steps;
  char reason[240];
  if (config.kl_limit > 0 &&
      Named(numbers, "kl_completion") >= static_cast<double>(config.kl_limit)) {
    std::snprintf(reason, sizeof reason, "KL of %.2f nats per completion has reached rl.kl_limit",
                  Named(numbers, "kl_completion"));
  } else if (config.stop_at_peak && (is_last ? outlook.is_below : outlook.is_past)) {
    const GoldTop& top = *outlook.top;
    std::snprintf(reason, sizeof reason,
                  "gold reward fell from %.3f to %.3f; went back to the model after step %d, at "
                  "distance %.3f",
                  top.gold, top.gold - top.fall, top.step, top.distance);
    if (context.go_back) context.go_back(top.step);
    numbers.emplace_back("went_back_to", top.step);
  } else {
    return;
  }
  context.rl->stopped = true;
  context.log.Event("rl ends after step " + std::to_string(step) + ": " + reason);
}

}  // namespace

double Named(const Numbers& numbers, std::string_view name) {
  const auto has_name = [&](const auto& number) { return number.first == name; };
  const auto it = std::find_if(numbers.begin(), numbers.end(), has_name);
  return it == numbers.end() ? NAN : it->second;
}

Numbers RecordStep(const RlConfig& config, int step, float lr, const RolloutBatch& rollouts,
                   const StepUpdate& update, const GoldOutlook& outlook,
                   const Curriculum& curriculum, const StageContext& context) {
  if (rollouts.groups.empty()) {
    context.log.Event("rl step " + std::to_string(step) +
                      ": every group's rewards were equal, there was nothing to learn");
  }
  Numbers numbers = StepNumbers(rollouts, update, lr);
  if (curriculum.is_active()) numbers.emplace_back("level", curriculum.level());
  if (!config.opponent.empty()) {
    // Over the frozen one, from this step's games as they were won and lost.
    numbers.emplace_back("elo", judge::EloDifference(rollouts.gold.value, rollouts.gold.count));
  }
  if (config.loss.kl_target > 0) numbers.emplace_back("kl_coef", config.loss.kl_coef);
  AppendOutlook(outlook, numbers);
  StopIfDone(config, step, outlook, numbers, context);
  context.log.Append("rl", step, numbers);
  for (const judge::Exploit& exploit : rollouts.exploits) {
    context.log.AppendExploit(judge::ExploitLine("rl", exploit));
  }
  return numbers;
}

GoldOutlook WatchGold(const RlConfig& config, int step, const RolloutBatch& rollouts,
                      const StageContext& context) {
  if (!config.learned.is_on()) return {};
  GoldCourse& course = context.rl->course;
  const GoldOutlook outlook = ObserveGold(
      {step - 1, Named(rollouts.statistics, "distance"), Named(rollouts.statistics, "gold")},
      course);
  if (!config.stop_at_peak) return outlook;
  course.kept = ModelsToKeep(outlook, course);
  const bool is_kept =
      std::find(course.kept.begin(), course.kept.end(), step - 1) != course.kept.end();
  if (is_kept && context.keep) context.keep(step - 1);
  return outlook;
}

std::string DetailOf(const RlConfig& config, const Numbers& numbers) {
  std::string detail;
  const auto add = [&](const char* format, std::string_view name, double scale = 1) {
    const double value = Named(numbers, name);
    if (std::isnan(value)) return;
    char text[64];
    std::snprintf(text, sizeof text, format, scale * value);
    if (!detail.empty()) detail += "  ";
    detail += text;
  };
  if (!config.curriculum.empty()) {
    detail = config.curriculum + " " + std::to_string(static_cast<int>(Named(numbers, "level")));
  }
  add("gold %.3f", "gold");
  add("proxy %+.2f", "proxy");
  add("distance %.2f", "distance");
  add("reward %.3f", "reward");
  add("length %.1f", "length");
  add("kl %.3f", "kl");
  add("clip %.1f%%", "clip_fraction", 100);
  add("zero-var %.0f", "zero_variance_groups");
  add("cut %.0f%%", "truncated", 100);
  return detail;
}

double TokensOf(const RolloutBatch& rollouts, const StepUpdate& update) {
  return static_cast<double>(rollouts.num_sampled_tokens) + update.stats.num_trained_tokens;
}

double FlopOf(const RolloutBatch& rollouts, const StepUpdate& update,
              const policy::ModelConfig& model) {
  const auto sampled = static_cast<double>(rollouts.num_sampled_tokens);
  return update.stats.flop + sampled * 2.0 * static_cast<double>(model.NumParameters());
}

}  // namespace agon::trainer
