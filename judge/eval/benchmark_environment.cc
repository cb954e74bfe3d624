// Episodes of an environment, graded by it.
#include <algorithm>
#include <utility>

#include "core/error.h"
#include "judge/eval/benchmark.h"
#include "judge/frozen_opponent.h"
#include "serve/model_directory.h"

namespace agon::judge {
namespace {

constexpr int64_t kEpisodesAtOnce = 1024;

std::string PromptText(const Messages& messages) {
  if (messages.size() == 1) return messages.front().content;
  std::string text;
  for (const Message& message : messages) {
    if (!text.empty()) text += "\n";
    text += std::string(RoleName(message.role)) + ": " + message.content;
  }
  return text;
}

SampleRecord TaskRecord(const std::string& benchmark, const envs::Task& task, uint32_t sample) {
  SampleRecord record;
  record.benchmark = benchmark;
  record.family = task.family;
  record.prompt = PromptText(task.messages);
  record.answer = task.answer;
  record.task_index = task.id.index;
  record.sample = sample;
  record.difficulty = task.difficulty;
  return record;
}

SampleRecord ToRecord(const std::string& benchmark, double max_reward,
                      const Trajectory& trajectory) {
  const envs::Outcome& outcome = trajectory.outcome;
  SampleRecord record = TaskRecord(benchmark, trajectory.task, trajectory.sample);
  record.completion = trajectory.completion;
  record.extracted = outcome.extracted;
  record.reason =
      outcome.masked ? outcome.masked->kind + ": " + outcome.masked->reason : outcome.reason;
  record.masked = outcome.masked.has_value();
  record.reward = record.masked ? 0 : trajectory.Reward();
  record.correct = !record.masked && record.reward >= max_reward - 1e-9;
  record.truncated = trajectory.WasTruncated();
  record.num_tokens = trajectory.CompletionTokens();
  return record;
}

class EnvironmentBenchmark final : public Benchmark {
 public:
  explicit EnvironmentBenchmark(BenchmarkSpec spec)
      : Benchmark(std::move(spec)), env_(envs::MakeEnv(this->spec().env)) {
    const envs::EnvInfo& info = env_->info();
    const auto refuse = [&](const std::string& what, const std::string& hint) {
      throw Error(ErrorKind::kUsage, what, "benchmark " + this->spec().name, hint);
    };
    if (info.num_seats > 1 && this->spec().opponent.empty()) {
      refuse("a game needs an opponent",
             "name the model directory that plays the other seats (opponent, --opponent)");
    }
    if (info.num_seats > 1 && !this->spec().prefill.empty()) refuse("a game takes no prefill", "");
    if (info.max_turns > 1 && this->spec().num_few_shot > 0) {
      refuse("there are no few-shot examples of episodes with several turns", "leave them out");
    }
    if (this->spec().prompting == Prompting::kPlain) {
      refuse("environments speak chat", "leave prompting = \"plain\" to files");
    }
    if (!this->spec().opponent.empty())
      opponent_hash_ = serve::HashModelDirectory(this->spec().opponent);
  }

  int64_t num_tasks() const override { return spec().num_tasks; }
  int64_t num_tasks_at_once() const override {
    return std::max<int64_t>(1, kEpisodesAtOnce / spec().samples_per_task);
  }
  std::string Context() const override { return env_->info().id + " " + opponent_hash_; }

  uint64_t TaskHash(uint64_t index) const override {
    const envs::Task task = Prepared(index);
    const std::string difficulty = std::to_string(task.difficulty);
    std::vector<std::string_view> texts = {task.state, task.answer, task.family, difficulty};
    for (const Message& message : task.messages) {
      texts.insert(texts.end(), {RoleName(message.role), message.content});
    }
    return HashTexts(texts);
  }

  std::vector<SampleRecord> Run(const Player& player, std::span<const uint64_t> indices,
                                int max_rows) override;

 private:
  envs::Task Prepared(uint64_t index) const;

  std::shared_ptr<const envs::Env> env_;
  std::string opponent_hash_;
  std::optional<FrozenOpponent> opponent_;  // loaded by the first Run
};

// The task behind examples of the training split, which hold other tasks by construction.
envs::Task EnvironmentBenchmark::Prepared(uint64_t index) const {
  envs::Task task = env_->Get(spec().split, spec().seed, index);
  Messages examples;
  Rng rng(RngKey{spec().seed, RngStream::kData, 0, index, 0});
  for (int shot = 0; shot < spec().num_few_shot; ++shot) {
    const envs::Task example = env_->Get(envs::Split::kTrain, spec().seed, rng.Next32());
    auto answer = env_->Demonstrate(example, envs::Labeler::kStepByStep, rng.Next32());
    if (!answer) answer = env_->Demonstrate(example, envs::Labeler::kImmediate, 0);
    if (!answer) {
      throw Error(ErrorKind::kUsage, "the environment has no demonstrations for few-shot examples",
                  "benchmark " + spec().name, "set num_few_shot = 0");
    }
    examples.insert(examples.end(), example.messages.begin(), example.messages.end());
    examples.push_back({Role::kAssistant, *answer});
  }
  task.messages.insert(task.messages.begin(), examples.begin(), examples.end());
  return task;
}

std::vector<SampleRecord> EnvironmentBenchmark::Run(const Player& player,
                                                    std::span<const uint64_t> indices,
                                                    int max_rows) {
  RolloutOptions options;
  options.sampling.temperature = spec().temperature;
  options.sampling.max_rows = max_rows;
  options.max_new_tokens = spec().max_new_tokens;
  options.num_samples = spec().samples_per_task;
  options.prefill = spec().prefill;
  if (!opponent_)
    opponent_.emplace(spec().opponent, player.policy->device(), RowsOf(spec(), max_rows));
  options.opponent = opponent_->get();
  const size_t prefill = player.chat->tokenizer().Encode(spec().prefill).size();
  const int context = player.policy->config().max_positions;
  std::vector<envs::Task> tasks;
  std::vector<SampleRecord> records;
  for (const uint64_t index : indices) {
    envs::Task task = Prepared(index);
    const size_t length = player.chat->EncodePrompt(task.messages).size() + prefill;
    if (static_cast<int>(length) < context) {
      tasks.push_back(std::move(task));
      continue;
    }
    for (int sample = 0; sample < spec().samples_per_task; ++sample) {
      records.push_back(MaskedRecord(TaskRecord(spec().name, task, static_cast<uint32_t>(sample)),
                                     "context", DoesNotFit(length, context)));
    }
  }
  const RngKey key{spec().seed, RngStream::kSample};
  for (const Trajectory& t : RunEpisodes(*player.policy, *player.chat, env_, tasks, options, key)) {
    records.push_back(ToRecord(spec().name, env_->info().max_reward, t));
  }
  std::stable_sort(records.begin(), records.end(),
                   [](const auto& a, const auto& b) { return a.task_index < b.task_index; });
  return records;
}

}  // namespace

std::unique_ptr<Benchmark> MakeEnvironmentBenchmark(BenchmarkSpec spec) {
  return std::make_unique<EnvironmentBenchmark>(std::move(spec));
}

}  // namespace agon::judge
