#include "trainer/run.h"

#include <omp.h>

#include <csignal>
#include <cstdio>
#include <ostream>

#include "core/error.h"
#include "core/progress.h"
#include "serve/model_directory.h"
#include "trainer/run_corpus.h"
#include "trainer/run_device.h"
#include "trainer/run_memory.h"
#include "trainer/run_stages.h"
#include "trainer/start_model.h"

namespace agon::trainer {
namespace {

volatile std::sig_atomic_t g_stop_requested = 0;

// All ranks, if any was asked to.
void ThrowIfStopped(policy::Communicator& ranks) {
  if (ranks.Any(g_stop_requested != 0)) {
    throw Error(ErrorKind::kInterrupted, "stopped between two steps");
  }
}

}  // namespace

bool StopRequested() { return g_stop_requested != 0; }

Run::Run(const Recipe& recipe, const RunOptions& options, std::ostream& out)
    : recipe_(recipe),
      options_(options),
      out_(out),
      device_(DeviceOf(recipe, options.ranks)),
      team_(options.ranks ? Team(*options.ranks, recipe.run.num_shards)
                          : Team(recipe.run.num_shards)) {
  summary_.run_dir = options.out;
  workload_ = WorkloadOf(recipe, options.out, team_.ranks());
  // What is wrong with a GPU shows before any work is done.
  if (device_.kind == policy::Device::Kind::kCuda) TakeMemory();
  if (leads()) {
    directory_.emplace(options.out, recipe, options.resume);
    log_ = RunLog(options.out);
  }
  team_.ranks().Barrier();
}

void Run::Execute() {
  const int ranks = team_.ranks().size();
  log_.Event(std::string(options_.resume ? "resumed" : "started") +
             (ranks > 1 ? " on " + std::to_string(ranks) + " ranks" : ""));
  PrepareText();
  CheckPromptsFit(recipe_, *chat_);
  const RewardModelConfig& rewards = recipe_.reward_model;
  if (rewards.num_steps > 0 && !rewards.data.empty()) PreparePreferences();  // bad ones: at once
  FindStart();
  // Where eval.opponent is what a stage makes, it isn't there yet.
  const bool can_be_evaluated = recipe_.StartsFromModel() && !IsStage(recipe_.eval.opponent);
  if (can_be_evaluated && leads()) EvaluateStage(kStart);
  for (const Stage& stage : Stages()) {
    if (stage.num_steps == 0) continue;
    ThrowIfStopped(team_.ranks());
    RunStage(stage);
    ThrowIfStopped(team_.ranks());
    if (stage.name == "rl" && recipe_.rl.learned.is_on() && leads()) ConcludeLearnedReward();
    if (stage.evaluated && leads()) EvaluateStage(stage.name);
  }
  if (leads()) Report();
}

std::vector<Stage> Run::Stages() const {
  std::vector<Stage> stages = {
      {"pretrain", recipe_.pretrain.num_steps, recipe_.pretrain.optimizer, "val_bpb", false},
      {"sft", recipe_.sft.num_steps, recipe_.sft.optimizer, "val_loss", true},
      {kProbeStage, recipe_.probe.num_steps, recipe_.probe.optimizer, "loss", true}};
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
  if (recipe_.StartsFromModel()) {
    HoldToStartModel(options_.out, recipe_.model.from, team_.ranks());
    tokenizer_ = serve::LoadTokenizerOf(recipe_.model.from, recipe_.Model());
  } else if (!recipe_.NeedsCorpus()) {
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

// Of the logs, what a finished step can't have written is worth a word.
void Run::TruncateLogs(const std::vector<std::string>& finished, const std::string& stage,
                       int step) {
  for (const std::string& complaint : log_.TruncateAfter(finished, stage, step)) {
    log_.Event("warning: " + complaint);
    std::fprintf(stderr, "warning: %s\n", complaint.c_str());
  }
}

void Run::FindStart() {
  start_ = FindLastCheckpoint(options_.out);
  team_.ranks().Barrier();  // everyone has read before anyone writes
  if (!start_) {
    TruncateLogs({}, "", 0);
    return;
  }
  const TrainerState& state = start_->state;
  if (state.recipe_hash != RecipeHash(recipe_)) {
    throw Error(ErrorKind::kUsage, "was written under another recipe", start_->dir.string(),
                "delete this checkpoint, or start anew with another --out");
  }
  TruncateLogs(state.finished_stages, state.stage, state.step);
  finished_ = state.finished_stages;
  if (state.done) finished_.push_back(state.stage);
  log_.Event("going on after " + start_->dir.filename().string());
}

void RequestStop() { g_stop_requested = 1; }

void StopOnSignals(bool speaks) {
  struct sigaction action {};
  action.sa_handler = [](int) { RequestStop(); };
  if (speaks) {
    action.sa_handler = [](int) {
      RequestStop();
      PrintFromHandler(
          "stopping after this step or evaluation, all is saved then; once more stops at once");
    };
  }
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
