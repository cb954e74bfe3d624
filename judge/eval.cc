#include "judge/eval.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/progress.h"
#include "judge/frozen_opponent.h"
#include "judge/metrics.h"

namespace agon::judge {
namespace {

// Episodes rolled out between two moves of the progress bar. Random keys belong to tasks,
// so the size of a chunk can't change a result.
constexpr int kChunkEpisodes = 1024;

SuiteSpec Checked(SuiteSpec suite) {
  const auto refuse = [&](const std::string& what, const std::string& hint) {
    throw Error(ErrorKind::kUsage, what, "suite " + suite.env, hint);
  };
  if (suite.num_tasks < 1) refuse("num_tasks must be at least 1", "");
  if (suite.samples_per_task < 1) refuse("samples_per_task must be at least 1", "");
  if (suite.max_new_tokens < 1) refuse("max_new_tokens must be at least 1", "");
  if (!std::isfinite(suite.temperature) || suite.temperature < 0) {
    refuse("temperature must be 0 or more", "0 is greedy");
  }
  // All greedy samples of a task are one and the same.
  if (suite.temperature == 0) {
    suite.samples_per_task = 1;
    suite.pass_at = {1};
  }
  for (const int k : suite.pass_at) {
    if (k < 1 || k > suite.samples_per_task) {
      refuse("pass@" + std::to_string(k) + " can't be estimated from " +
                 std::to_string(suite.samples_per_task) + " samples per task",
             "take more samples per task or a smaller k");
    }
  }
  return suite;
}

std::string PromptText(const Messages& messages) {
  if (messages.size() == 1) return messages.front().content;
  std::string text;
  for (const Message& message : messages) {
    if (!text.empty()) text += "\n";
    text += std::string(RoleName(message.role)) + ": " + message.content;
  }
  return text;
}

SampleRecord ToRecord(const std::string& suite, double max_reward, const Trajectory& trajectory) {
  const envs::Outcome& outcome = trajectory.outcome;
  SampleRecord record;
  record.suite = suite;
  record.family = trajectory.task.family;
  record.prompt = PromptText(trajectory.task.messages);
  record.answer = trajectory.task.answer;
  record.completion = trajectory.completion;
  record.extracted = outcome.extracted;
  record.reason =
      outcome.masked ? outcome.masked->kind + ": " + outcome.masked->reason : outcome.reason;
  record.task_index = trajectory.task.id.index;
  record.sample = trajectory.sample;
  record.difficulty = trajectory.task.difficulty;
  record.masked = outcome.masked.has_value();
  record.reward = record.masked ? 0 : trajectory.Reward();
  record.correct = !record.masked && record.reward >= max_reward - 1e-9;
  record.truncated = trajectory.length_limited || outcome.truncated;
  record.num_tokens = trajectory.CompletionTokens();
  return record;
}

// The bar's detail: what has been seen so far, not the estimate.
std::string RunningAccuracy(std::span<const SampleRecord> samples) {
  const auto scored =
      std::count_if(samples.begin(), samples.end(), [](const auto& s) { return !s.masked; });
  const auto correct =
      std::count_if(samples.begin(), samples.end(), [](const auto& s) { return s.correct; });
  if (scored == 0) return "";
  return "correct " + std::to_string(100 * correct / scored) + " %";
}

std::vector<SampleRecord> RunSuite(policy::Policy& policy, const datasets::ChatTemplate& chat,
                                   const SuiteSpec& suite) {
  const std::shared_ptr<const envs::Env> env = envs::MakeEnv(suite.env);
  RolloutOptions options;
  options.sampling.temperature = suite.temperature;
  options.max_new_tokens = suite.max_new_tokens;
  options.num_samples = suite.samples_per_task;
  if (env->info().num_seats > 1 && suite.opponent.empty()) {
    throw Error(ErrorKind::kUsage, "a game needs an opponent", "suite " + suite.env,
                "name the model directory that plays the other seats (--opponent)");
  }
  const FrozenOpponent opponent(suite.opponent, policy.device());
  options.opponent = opponent.get();
  const RngKey key{suite.seed, RngStream::kSample};
  const int chunk_tasks = std::max(1, kChunkEpisodes / suite.samples_per_task);
  std::vector<SampleRecord> samples;
  Progress progress("eval " + suite.env, suite.num_tasks, "task");
  for (int begin = 0; begin < suite.num_tasks; begin += chunk_tasks) {
    const int end = std::min(suite.num_tasks, begin + chunk_tasks);
    std::vector<envs::Task> tasks;
    for (int i = begin; i < end; ++i) {
      tasks.push_back(env->Get(suite.split, suite.seed, static_cast<uint64_t>(i)));
    }
    for (const Trajectory& trajectory : RunEpisodes(policy, chat, env, tasks, options, key)) {
      samples.push_back(ToRecord(suite.env, env->info().max_reward, trajectory));
    }
    progress.Update(end, RunningAccuracy(samples));
  }
  progress.Finish(RunningAccuracy(samples));
  return samples;
}

}  // namespace

EvalResult Evaluate(policy::Policy& policy, const datasets::ChatTemplate& chat,
                    std::span<const SuiteSpec> suites, const std::string& model_name) {
  std::vector<SuiteSpec> checked;
  for (const SuiteSpec& suite : suites) checked.push_back(Checked(suite));
  EvalResult result;
  result.model = model_name;
  for (const SuiteSpec& suite : checked) {
    std::vector<SampleRecord> samples = RunSuite(policy, chat, suite);
    std::vector<Metric> metrics = ComputeMetrics(suite.env, samples, suite.pass_at);
    if (!suite.opponent.empty()) {
      const auto is_reward = [](const Metric& m) { return m.metric == "reward"; };
      metrics.push_back(EloOf(*std::find_if(metrics.begin(), metrics.end(), is_reward)));
    }
    std::move(samples.begin(), samples.end(), std::back_inserter(result.samples));
    std::move(metrics.begin(), metrics.end(), std::back_inserter(result.metrics));
  }
  return result;
}

}  // namespace agon::judge
