#include "trainer/run.h"

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <optional>
#include <ostream>

#include "core/error.h"
#include "core/file.h"
#include "core/progress.h"
#include "trainer/best_of_n.h"
#include "trainer/checkpoint.h"
#include "trainer/exploits.h"
#include "trainer/reward_model_quality.h"
#include "trainer/reward_model_stage.h"
#include "trainer/reward_models.h"
#include "trainer/run_corpus.h"
#include "trainer/run_device.h"
#include "trainer/run_directory.h"
#include "trainer/run_log.h"
#include "trainer/summary.h"

namespace agon::trainer {
namespace {

volatile std::sig_atomic_t g_stop_requested = 0;

// All ranks, if any was asked to.
void ThrowIfStopped(policy::Communicator& ranks) {
  if (ranks.Any(g_stop_requested != 0)) {
    throw Error(ErrorKind::kInterrupted, "stopped between two steps");
  }
}

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

struct Stage {
  std::string name;
  int num_steps;
  const policy::OptimizerConfig& optimizer;
  const char* metric;  // of the log, shown in the summary
  bool evaluated;
  int member = -1;  // of an ensemble of reward models; -1: a language model

  policy::Head head() const { return member < 0 ? policy::Head::kLanguage : policy::Head::kScore; }
};

class Run {
 public:
  Run(const Recipe& recipe, const RunOptions& options, std::ostream& out)
      : recipe_(recipe),
        options_(options),
        out_(out),
        device_(DeviceOf(recipe, options.ranks)),
        team_(options.ranks ? Team(*options.ranks, recipe.run.num_shards)
                            : Team(recipe.run.num_shards)) {
    summary_.run_dir = options.out;
    if (leads()) {
      directory_.emplace(options.out, recipe, options.resume);
      log_ = RunLog(options.out);
    }
    team_.ranks().Barrier();
  }

  void Execute() {
    const int ranks = team_.ranks().size();
    log_.Event(std::string(options_.resume ? "resumed" : "started") +
               (ranks > 1 ? " on " + std::to_string(ranks) + " ranks" : ""));
    PrepareText();
    CheckPromptsFit(recipe_, *chat_);
    if (!recipe_.reward_model.data.empty()) PreparePreferences();  // a bad file is seen at once
    FindStart();
    for (const Stage& stage : Stages()) {
      if (stage.num_steps == 0) continue;
      ThrowIfStopped(team_.ranks());
      RunStage(stage);
      ThrowIfStopped(team_.ranks());
      if (stage.name == "rl" && recipe_.rl.learned.is_on() && leads()) ConcludeLearnedReward();
      if (stage.evaluated && leads()) EvaluateStage(stage);
    }
    if (leads()) Report();
  }

  RunLog& log() { return log_; }

 private:
  std::vector<Stage> Stages() const;
  bool leads() const { return team_.ranks().is_leader(); }
  fs::path CorpusDir() const { return options_.out / "corpus"; }

  void BuildCorpusTogether();
  void PrepareText();
  void FindStart();
  std::string LanguageModelBefore(const std::string& stage) const;
  void PreparePreferences();
  void AverageRewardModels();
  void MeasureQuality();
  void RunStage(const Stage& stage);
  void TrainStage(const Stage& stage);
  void RunLoop(const Stage& stage, const StageContext& context);
  void ConcludeLearnedReward();
  void EvaluateStage(const Stage& stage);
  std::string ModelDir(const std::string& name_or_dir) const;
  RlConfig ResolvedRl() const;
  void Report();

  std::unique_ptr<policy::Policy> StartingPolicy(policy::Head head) const;
  std::unique_ptr<policy::Policy> ValueModel(const std::string& before) const;
  void UsePolicyOf(const std::string& stage, policy::Head head = policy::Head::kLanguage);
  // Of the CPU's kernels: what a GPU could do isn't measured.
  double CeilingGflops() const {
    return device_.kind == policy::Device::Kind::kCpu
               ? policy::MeasureGemmCeiling(policy_->compute())
               : 0.0;
  }
  bool IsFinished(const std::string& stage) const {
    return std::find(finished_.begin(), finished_.end(), stage) != finished_.end();
  }

  const Recipe& recipe_;
  const RunOptions& options_;
  std::ostream& out_;
  const policy::Device device_;
  Team team_;
  std::optional<RunDirectory> directory_;  // the leader's
  RunLog log_;
  RunSummary summary_;
  std::optional<datasets::Tokenizer> tokenizer_;
  std::optional<datasets::ChatTemplate> chat_;
  std::optional<Checkpoint> start_;    // where an earlier process stopped
  std::vector<std::string> finished_;  // stages, in order
  std::unique_ptr<policy::Policy> policy_;
  std::string policy_stage_;  // whose result `policy_` is, "" if none
  std::optional<PreferenceSets> preferences_;
};

std::vector<Stage> Run::Stages() const {
  std::vector<Stage> stages = {
      {"pretrain", recipe_.pretrain.num_steps, recipe_.pretrain.optimizer, "val_bpb", false},
      {"sft", recipe_.sft.num_steps, recipe_.sft.optimizer, "val_loss", true}};
  const RewardModelConfig& rewards = recipe_.reward_model;
  int member = 0;
  for (const std::string& name : RewardModelStages(rewards)) {
    stages.push_back({name, rewards.num_steps, rewards.optimizer, "val_accuracy", false, member++});
  }
  stages.push_back({"rl", recipe_.rl.num_steps, recipe_.rl.optimizer, "reward", true});
  return stages;
}

// By the leader; a stop is everyone's.
void Run::BuildCorpusTogether() {
  bool is_stopped = false;
  try {
    if (leads()) {
      BuildRunCorpus(
          recipe_.data, CorpusDir(), [] { return g_stop_requested != 0; },
          options_.verbose ? &out_ : nullptr);
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInterrupted) throw;
    is_stopped = true;
  }
  if (team_.ranks().Any(is_stopped)) {
    throw Error(ErrorKind::kInterrupted, "stopped in the corpus");
  }
}

void Run::PrepareText() {
  if (!recipe_.NeedsCorpus()) {
    tokenizer_ = datasets::Tokenizer::FromMerges({}, datasets::ChatSpecialTokens());
  } else {
    const auto start = std::chrono::steady_clock::now();
    const bool reused = fs::exists(CorpusDir());
    BuildCorpusTogether();
    tokenizer_ = datasets::Tokenizer::Load(CorpusDir() / "tokenizer.json");
    const datasets::Corpus corpus(CorpusDir() / "train");
    const std::string result = FormatCount(static_cast<double>(corpus.num_tokens())) +
                               " tokens, vocabulary " + std::to_string(tokenizer_->vocab_size());
    summary_.stages.push_back({"corpus", SecondsSince(start), reused, result});
    log_.Event("corpus: " + result);
  }
  chat_.emplace(*tokenizer_);
}

void Run::FindStart() {
  start_ = FindLastCheckpoint(options_.out);
  team_.ranks().Barrier();  // everyone has read before anyone writes
  if (!start_) {
    log_.TruncateAfter({}, "", 0);
    return;
  }
  const TrainerState& state = start_->state;
  if (state.recipe_hash != RecipeHash(recipe_)) {
    throw Error(ErrorKind::kUsage, "was written under another recipe", start_->dir.string(),
                "delete this checkpoint, or start anew with another --out");
  }
  log_.TruncateAfter(state.finished_stages, state.stage, state.step);
  finished_ = state.finished_stages;
  if (state.done) finished_.push_back(state.stage);
  log_.Event("going on after " + start_->dir.filename().string());
}

// Random weights, a score head of zeros: what the first stage begins with.
std::unique_ptr<policy::Policy> Run::StartingPolicy(policy::Head head) const {
  policy::ModelConfig model = recipe_.Model();
  model.vocab_size = tokenizer_->vocab_size();
  model.eos_token_id = chat_->stop_token_id();
  model.has_score_head = head == policy::Head::kScore;
  return policy::Policy::Create(model, recipe_.run.compute, recipe_.run.seed, device_);
}

// PPO's: the policy's body from the stage `before` RL, with a head of zeros, or where it was.
std::unique_ptr<policy::Policy> Run::ValueModel(const std::string& before) const {
  const policy::OptimizerConfig& optimizer = recipe_.rl.value.optimizer;
  if (start_ && start_->state.stage == "rl") {
    return LoadValueModel(*start_, recipe_.run.compute, optimizer, device_);
  }
  std::unique_ptr<policy::Policy> value;
  if (before.empty()) {
    policy::ModelConfig config = policy_->config();
    config.has_score_head = true;
    value = policy::Policy::Create(config, recipe_.run.compute, recipe_.run.seed, device_);
  } else {
    value = policy::Policy::Load(FindLastCheckpoint(options_.out, before)->dir, recipe_.run.compute,
                                 device_, policy::Head::kScore);
  }
  value->ConfigureOptimizer(optimizer);
  return value;
}

void Run::UsePolicyOf(const std::string& stage, policy::Head head) {
  const bool is_reward_model = head == policy::Head::kScore;
  if (policy_ && policy_stage_ == stage && policy_->config().has_score_head == is_reward_model) {
    return;
  }
  policy_.reset();  // two policies needn't fit into memory
  if (stage.empty()) {
    policy_ = StartingPolicy(head);
  } else {
    const auto checkpoint = FindLastCheckpoint(options_.out, stage);
    if (!checkpoint) {
      throw Error(ErrorKind::kNotFound, "no checkpoint of the finished stage " + stage,
                  (options_.out / "checkpoints").string(), "start anew with another --out");
    }
    policy_ = policy::Policy::Load(checkpoint->dir, recipe_.run.compute, device_, head);
  }
  policy_stage_ = stage;
}

// What a stage begins with: reward models stand beside the line of language models.
std::string Run::LanguageModelBefore(const std::string& stage) const {
  std::string before;
  for (const std::string& finished : finished_) {
    if (finished == stage) break;
    if (!IsRewardModelStage(finished)) before = finished;
  }
  return before;
}

// Labels are made once, by the leader, of what the model before says.
void Run::PreparePreferences() {
  if (preferences_) return;
  const RewardModelConfig& config = recipe_.reward_model;
  const auto start = std::chrono::steady_clock::now();
  const bool reused = !config.data.empty() || fs::exists(PreferencesDir(options_.out));
  if (leads() && !reused) {
    if (config.source == CompletionSource::kPolicy) UsePolicyOf(LanguageModelBefore("rl"));
    WritePreferences(config, policy_.get(), *chat_, options_.out);
  }
  team_.ranks().Barrier();
  preferences_ = LoadPreferences(config, options_.out);
  const std::string result = DescribePreferences(*preferences_);
  summary_.stages.push_back({"labels", SecondsSince(start), reused, result});
  log_.Event("preferences: " + result);
}

void Run::AverageRewardModels() {
  const fs::path dir = RewardModelDirs(recipe_.reward_model, options_.out)[0];
  if (leads() && !fs::exists(dir)) {
    std::vector<fs::path> members;
    for (const Stage& stage : Stages()) {
      if (stage.member >= 0) members.emplace_back(ModelDir(stage.name));
    }
    AverageWeights(members, dir, *chat_);
    log_.Event("averaged the weights of " + std::to_string(members.size()) + " reward models");
  }
  team_.ranks().Barrier();
}

// Of all members, on the preferences that were held out.
void Run::MeasureQuality() {
  const auto start = std::chrono::steady_clock::now();
  const fs::path file = options_.out / "reward_models.json";
  const bool reused = fs::exists(file);
  if (!reused) {
    policy_.reset();
    judge::WriteRewardQuality(
        file, MeasureRewardModels(recipe_.reward_model, options_.out, preferences_->val, device_));
  }
  const std::string text = DescribeQuality(judge::ReadRewardQuality(file).back());
  summary_.stages.push_back({"eval rewards", SecondsSince(start), reused, text});
  log_.Event("reward model: " + text);
}

void Run::RunStage(const Stage& stage) {
  const auto start = std::chrono::steady_clock::now();
  const bool reused = IsFinished(stage.name);
  if (stage.member >= 0) PreparePreferences();
  if (!reused) TrainStage(stage);
  const RewardModelConfig& rewards = recipe_.reward_model;
  const bool is_last_member = stage.member == rewards.num_members - 1;
  if (rewards.average_weights && is_last_member) AverageRewardModels();
  if (!leads()) return;
  std::string result;
  if (const auto value = LastLogged(options_.out, stage.name, stage.metric)) {
    char text[64];
    std::snprintf(text, sizeof text, "%s %.4g", stage.metric, *value);
    result = text;
  }
  summary_.stages.push_back({stage.name, SecondsSince(start), reused, result});
  if (stage.member < 0) summary_.model = ModelDir(stage.name);
  if (is_last_member) MeasureQuality();
}

void Run::TrainStage(const Stage& stage) {
  int first_step = 1;
  RlState rl;
  const std::string before = LanguageModelBefore(stage.name);
  std::unique_ptr<policy::Policy> reference;
  if (stage.name == "rl" && NeedsReference(recipe_.rl)) {
    UsePolicyOf(before);
    reference = std::move(policy_);
  }
  if (start_ && start_->state.stage == stage.name) {
    policy_ = LoadCheckpoint(*start_, recipe_.run.compute, stage.optimizer, device_, stage.head());
    first_step = start_->state.step + 1;
    rl = start_->state.rl;
  } else {
    UsePolicyOf(before, stage.head());
    policy_->ConfigureOptimizer(stage.optimizer);
  }
  std::unique_ptr<policy::Policy> value;
  if (stage.name == "rl" && recipe_.rl.advantage == AdvantageKind::kGae) value = ValueModel(before);
  policy_stage_ = stage.name;
  log_.Event(stage.name + " begins at step " + std::to_string(first_step));

  std::vector<std::shared_ptr<judge::RewardModel>> reward_models;
  if (stage.name == "rl") reward_models = MakeRewardModels(ResolvedRl(), device_);
  std::vector<policy::MemoryUse> memory;
  const auto save = [&](int step) {
    if (!leads()) return;
    const bool done = step == stage.num_steps || rl.stopped;
    SaveCheckpoint(options_.out,
                   {stage.name, step, done, recipe_.run.seed, finished_, RecipeHash(recipe_), rl},
                   *policy_, *chat_, value.get());
    log_.Event("saved " + stage.name + " step " + std::to_string(step));
  };
  const auto stop_requested = [&] {
    if (memory.empty()) memory = policy_->Memory();  // after the first step
    return g_stop_requested != 0;
  };
  RunLoop(stage, {.policy = *policy_,
                  .chat = *chat_,
                  .log = log_,
                  .reference = reference.get(),
                  .first_step = first_step,
                  .save_every = recipe_.run.save_every,
                  .save = save,
                  .stop_requested = stop_requested,
                  .verbose = options_.verbose,
                  .ceiling_gflops = CeilingGflops(),
                  .rl = &rl,
                  .team = team_,
                  .value = value.get(),
                  .reward_models = std::move(reward_models)});
  team_.ranks().Barrier();  // what the leader saved is there for all
  finished_.push_back(stage.name);
  log_.Event(stage.name + " finished; memory by purpose:\n" + RenderMemory(memory));
  if (options_.verbose) out_ << "memory of " << stage.name << ":\n" << RenderMemory(memory);
}

void Run::RunLoop(const Stage& stage, const StageContext& context) {
  if (stage.name == "pretrain") {
    const datasets::Corpus train(CorpusDir() / "train"), val(CorpusDir() / "val");
    RunPretrain(recipe_.pretrain, train, val, context);
  } else if (stage.name == "sft") {
    RunSft(recipe_.sft, context);
  } else if (stage.member >= 0) {
    RunRewardModel(recipe_.reward_model, *preferences_, stage.member, stage.name, context);
  } else {
    RunRl(ResolvedRl(), context);
  }
}

// With directories in place of names of stages.
RlConfig Run::ResolvedRl() const {
  RlConfig config = recipe_.rl;
  config.opponent = ModelDir(config.opponent);
  config.learned.models.clear();
  for (const std::string& model : recipe_.rl.learned.models) {
    if (model != kRewardModelStage) {
      config.learned.models.push_back(model);
      continue;
    }
    for (const fs::path& dir : RewardModelDirs(recipe_.reward_model, options_.out)) {
      config.learned.models.push_back(dir.string());
    }
  }
  return config;
}

// A stage's name stands for the model that it made.
std::string Run::ModelDir(const std::string& name_or_dir) const {
  for (const Stage& stage : Stages()) {
    if (stage.name != name_or_dir) continue;
    // RL may have ended before its last step.
    const auto checkpoint = FindLastCheckpoint(options_.out, stage.name);
    return (checkpoint ? checkpoint->dir : CheckpointDir(options_.out, stage.name, stage.num_steps))
        .string();
  }
  return name_or_dir;
}

// The baseline that needs no training, and what the next reward model can learn from this one.
void Run::ConcludeLearnedReward() {
  const size_t num_pairs = WriteExploitPreferences(options_.out);
  log_.Event(std::to_string(num_pairs) + " preferences from exploits of the learned reward");
  const fs::path file = options_.out / "best_of_n.json";
  if (recipe_.rl.best_of_n == 0 || fs::exists(file)) return;
  RlState state = FindLastCheckpoint(options_.out, "rl")->state.rl;
  UsePolicyOf(LanguageModelBefore("rl"));
  const StageContext context{.policy = *policy_,
                             .chat = *chat_,
                             .log = log_,
                             .save = {},
                             .stop_requested = {},
                             .rl = &state,
                             .reward_models = MakeRewardModels(ResolvedRl(), device_)};
  WriteFileAtomic(file, judge::BestOfNJson(MeasureBestOfN(recipe_.rl, context)));
}

void Run::EvaluateStage(const Stage& stage) {
  const auto start = std::chrono::steady_clock::now();
  const fs::path dir = options_.out / "eval" / stage.name;
  std::optional<judge::EvalResult> result;
  try {
    if (fs::exists(dir / "results.json")) result = judge::ReadEval(dir);
  } catch (const Error& error) {
    log_.Event("evaluating " + stage.name + " again: " + error.what());
  }
  const bool reused = result.has_value();
  if (!reused) {
    UsePolicyOf(stage.name);
    std::vector<judge::BenchmarkSpec> benchmarks = {recipe_.Benchmark()};
    benchmarks[0].opponent = ModelDir(benchmarks[0].opponent);
    result = judge::Evaluate(*policy_, *chat_, benchmarks, stage.name);
    judge::WriteEval(dir, *result);
  }
  const std::string text = PassAtOne(*result);
  summary_.stages.push_back({"eval " + stage.name, SecondsSince(start), reused, text});
  log_.Event("eval " + stage.name + ": " + text);
  summary_.models.push_back(*std::move(result));
}

void Run::Report() {
  judge::ReportInput input;
  input.title = "Run " + fs::absolute(options_.out).filename().string();
  input.models = summary_.models;
  if (summary_.models.size() == 2) {
    summary_.comparisons = judge::Compare(summary_.models[0], summary_.models[1]);
    input.comparisons = summary_.comparisons;
  }
  input.run_log = options_.out / "log.jsonl";
  input.facts["model"] = recipe_.model.preset;
  input.facts["seed"] = std::to_string(recipe_.run.seed);
  input.facts["recipe"] = RecipeHash(recipe_);
  double seconds = 0;
  for (const StageSummary& stage : summary_.stages) seconds += stage.seconds;
  input.facts["time"] = FormatDuration(seconds);
  judge::WriteReport(options_.out, input);
  log_.Event("report written");
  out_ << (options_.json ? SummaryJson(summary_) : RenderSummary(summary_)) << std::flush;
}

}  // namespace

void RequestStop() { g_stop_requested = 1; }

void StopOnSignals() {
  struct sigaction action {};
  action.sa_handler = [](int) { RequestStop(); };
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

void RunRecipe(const Recipe& recipe, const RunOptions& options, std::ostream& out) {
  g_stop_requested = 0;
  if (recipe.run.threads > 0) omp_set_num_threads(recipe.run.threads);
  if (options.ranks && !options.ranks->is_leader()) SetProgressEnabled(false);
  Run run(recipe, options, out);
  try {
    run.Execute();
  } catch (const Error& error) {
    run.log().Event(std::string("stopped: ") + error.what());
    if (error.kind() != ErrorKind::kInterrupted) throw;
    throw Error(ErrorKind::kInterrupted, "interrupted; every finished step is saved",
                options.out.string(), "resume with: " + options.resume_command);
  }
}

}  // namespace agon::trainer
