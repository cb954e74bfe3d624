#include "trainer/label_completions.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "core/error.h"
#include "core/progress.h"
#include "judge/rollout.h"

namespace agon::trainer {
namespace {

constexpr int kTriesPerCompletion = 2;

struct Candidate {
  std::string text;
  PartValues parts;
  double reward = 0;
};

std::shared_ptr<const envs::Env> SingleTurnEnv(const LabelingConfig& config) {
  std::shared_ptr<const envs::Env> env = envs::MakeEnv(config.env);
  if (env->info().num_seats != 1 || env->info().max_turns != 1) {
    throw Error(ErrorKind::kUsage, "has several turns or seats, so that no reply is its own",
                config.env, "label an environment of one reply, such as text/reply");
  }
  return env;
}

std::vector<envs::Task> Tasks(const LabelingConfig& config, const envs::Env& env) {
  std::vector<envs::Task> tasks;
  for (int i = 0; i < config.num_tasks; ++i) {
    tasks.push_back(
        env.Get(config.split, config.labelers.seed, config.first_task + static_cast<uint64_t>(i)));
  }
  return tasks;
}

// Adds what was said if labelers can see what it is worth and it is new.
void Consider(std::string text, const envs::Outcome& outcome, size_t count,
              std::vector<Candidate>& candidates) {
  if (candidates.size() == count || outcome.masked || outcome.parts.empty()) return;
  Candidate candidate{std::move(text), {}, 0};
  for (const envs::RewardPart& part : outcome.parts) {
    candidate.parts.push_back(part.value.value_or(NAN) * part.weight);
    if (!std::isfinite(candidate.parts.back())) return;
  }
  candidate.reward = outcome.Reward();
  const bool is_new = std::none_of(candidates.begin(), candidates.end(),
                                   [&](const Candidate& c) { return c.text == candidate.text; });
  if (is_new) candidates.push_back(std::move(candidate));
}

datasets::Preference Labeled(const LabelerConfig& config, const envs::Task& task,
                             const std::vector<Candidate>& candidates) {
  std::vector<PartValues> parts;
  for (const Candidate& candidate : candidates) parts.push_back(candidate.parts);
  datasets::Preference preference;
  preference.prompt = task.messages;
  for (const size_t place : LabelTask(config, task.id.index, parts)) {
    preference.completions.push_back(candidates[place].text);
    preference.gold.push_back(candidates[place].reward);
  }
  preference.bayes_accuracy = BayesAccuracy(config, parts);
  return preference;
}

std::vector<datasets::Preference> Labeled(const LabelingConfig& config,
                                          const std::vector<envs::Task>& tasks,
                                          const std::vector<std::vector<Candidate>>& candidates) {
  std::vector<datasets::Preference> preferences;
  for (size_t i = 0; i < tasks.size(); ++i) {
    if (candidates[i].size() < static_cast<size_t>(config.num_completions)) continue;
    preferences.push_back(Labeled(config.labelers, tasks[i], candidates[i]));
  }
  if (preferences.empty()) {
    throw Error(ErrorKind::kFailed,
                "no task of " + std::to_string(tasks.size()) + " has " +
                    std::to_string(config.num_completions) + " different completions",
                config.env, "train the policy less, ask for fewer, or take another environment");
  }
  return preferences;
}

}  // namespace

std::vector<datasets::Preference> LabelSamples(const LabelingConfig& config, policy::Policy& policy,
                                               const datasets::ChatTemplate& chat) {
  const auto env = SingleTurnEnv(config);
  const std::vector<envs::Task> tasks = Tasks(config, *env);
  judge::RolloutOptions options;
  options.max_new_tokens = config.max_new_tokens;
  options.num_samples = kTriesPerCompletion * config.num_completions;
  Progress bar("completions", static_cast<int64_t>(tasks.size()) * options.num_samples, "episodes");
  options.on_progress = [&](int64_t done, int64_t) { bar.Update(done); };
  const RngKey key{.run_seed = config.labelers.seed, .stream = RngStream::kLabeler, .step = 3};
  const auto samples = judge::RunEpisodes(policy, chat, env, tasks, options, key);
  std::vector<std::vector<Candidate>> candidates(tasks.size());
  for (size_t i = 0; i < samples.size(); ++i) {
    if (samples[i].length_limited) continue;
    Consider(samples[i].completion, samples[i].outcome, static_cast<size_t>(config.num_completions),
             candidates[i / static_cast<size_t>(options.num_samples)]);
  }
  return Labeled(config, tasks, candidates);
}

std::vector<datasets::Preference> LabelDemonstrations(const LabelingConfig& config) {
  const auto env = SingleTurnEnv(config);
  const std::vector<envs::Task> tasks = Tasks(config, *env);
  Progress bar("completions", static_cast<int64_t>(tasks.size()), "tasks");
  std::vector<std::vector<Candidate>> candidates(tasks.size());
  for (size_t i = 0; i < tasks.size(); ++i) {
    Rng rng({.run_seed = config.labelers.seed,
             .stream = RngStream::kLabeler,
             .step = 3,
             .task = tasks[i].id.index});
    for (int sample = 0; sample < kTriesPerCompletion * config.num_completions; ++sample) {
      const auto kind = rng.Below(2) ? envs::Labeler::kStepByStep : envs::Labeler::kImmediate;
      auto text = env->Demonstrate(tasks[i], kind, rng.Next64());
      if (!text) continue;
      const envs::StepResult result = env->Start(tasks[i])->Step(*text, /*truncated=*/false);
      if (const auto* outcome = std::get_if<envs::Outcome>(&result)) {
        Consider(*std::move(text), *outcome, static_cast<size_t>(config.num_completions),
                 candidates[i]);
      }
    }
    bar.Update(static_cast<int64_t>(i) + 1);
  }
  return Labeled(config, tasks, candidates);
}

double MeanBayesAccuracy(const std::vector<datasets::Preference>& preferences) {
  double sum = 0, pairs = 0;
  for (const datasets::Preference& preference : preferences) {
    if (preference.bayes_accuracy == 0) return 0;
    const auto count = static_cast<double>(preference.completions.size());
    sum += preference.bayes_accuracy * count * (count - 1) / 2;
    pairs += count * (count - 1) / 2;
  }
  return pairs > 0 ? sum / pairs : 0;
}

}  // namespace agon::trainer
