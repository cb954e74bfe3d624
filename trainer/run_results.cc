// What a run measures of the models it made, and its report.
#include <ostream>

#include "core/error.h"
#include "core/file.h"
#include "core/progress.h"
#include "trainer/best_of_n.h"
#include "trainer/exploits.h"
#include "trainer/reward_model_quality.h"
#include "trainer/reward_models.h"
#include "trainer/run_stages.h"

namespace agon::trainer {

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

// Of the model that the probe's stage made, on questions that were held out.
void Run::MeasureKnowledge() {
  const auto start = std::chrono::steady_clock::now();
  const fs::path file = options_.out / "knowledge.json";
  const bool reused = fs::exists(file);
  if (!reused) {
    UsePolicyOf(kProbeStage);
    judge::WriteKnowledge(file, MeasureProbe(recipe_.probe, *policy_, *chat_, options_.out));
  }
  const std::string text = judge::DescribeKnowledge(judge::ReadKnowledge(file));
  summary_.stages.push_back({"knowledge", SecondsSince(start), reused, text});
  log_.Event("knowledge: " + text);
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

void Run::EvaluateStage(const std::string& stage) {
  const auto start = std::chrono::steady_clock::now();
  const fs::path dir = options_.out / "eval" / stage;
  std::optional<judge::EvalResult> result;
  try {
    if (fs::exists(dir / "results.json")) result = judge::ReadEval(dir);
  } catch (const Error& error) {
    log_.Event("evaluating " + stage + " again: " + error.what());
  }
  const bool reused = result.has_value();
  if (!reused) {
    UsePolicyOf(stage == kStart ? "" : stage);
    std::vector<judge::BenchmarkSpec> benchmarks = recipe_.Benchmarks();
    benchmarks[0].opponent = ModelDir(benchmarks[0].opponent);
    result = judge::Evaluate(*policy_, *chat_, benchmarks, stage);
    judge::WriteEval(dir, *result);
  }
  const std::string text = PassAtOne(*result);
  summary_.stages.push_back({"eval " + stage, SecondsSince(start), reused, text});
  log_.Event("eval " + stage + ": " + text);
  summary_.models.push_back(*std::move(result));
}

void Run::Report() {
  judge::ReportInput input;
  input.title = "Run " + fs::absolute(options_.out).filename().string();
  input.models = summary_.models;
  if (summary_.models.size() >= 2) {
    summary_.comparisons = judge::CompareWithFirst(summary_.models);
    input.comparisons = summary_.comparisons;
  }
  input.run_log = options_.out / "log.jsonl";
  input.facts["model"] = recipe_.StartsFromModel() ? recipe_.model.from : recipe_.model.preset;
  input.facts["seed"] = std::to_string(recipe_.run.seed);
  input.facts["recipe"] = RecipeHash(recipe_);
  double seconds = 0;
  for (const StageSummary& stage : summary_.stages) seconds += stage.seconds;
  input.facts["time"] = FormatDuration(seconds);
  judge::WriteReport(options_.out, input);
  log_.Event("report written");
  summary_.peak_bytes = PeakResidentBytes();
  out_ << (options_.json ? SummaryJson(summary_) : RenderSummary(summary_)) << std::flush;
}

}  // namespace agon::trainer
