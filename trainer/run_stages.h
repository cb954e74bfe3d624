// One run of a recipe: what its stages share. run.cc begins and orders them, run_training.cc
// trains, run_results.cc measures and reports. Private to these three.
#pragma once

#include <algorithm>
#include <chrono>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/file.h"
#include "datasets/chat.h"
#include "datasets/tokenizer.h"
#include "policy/policy.h"
#include "trainer/checkpoint.h"
#include "trainer/probe.h"
#include "trainer/recipe.h"
#include "trainer/reward_model_stage.h"
#include "trainer/run.h"
#include "trainer/run_directory.h"
#include "trainer/run_log.h"
#include "trainer/summary.h"
#include "trainer/team.h"

namespace agon::trainer {

// Whether RequestStop was called since the run began.
bool StopRequested();

inline double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// What model.from is called among the results of stages.
constexpr char kStart[] = "start";

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
  Run(const Recipe& recipe, const RunOptions& options, std::ostream& out);
  // All stages that aren't finished, then the report.
  void Execute();

  RunLog& log() { return log_; }

 private:
  std::vector<Stage> Stages() const;
  bool IsStage(const std::string& name) const;
  bool leads() const { return team_.ranks().is_leader(); }
  fs::path CorpusDir() const { return options_.out / "corpus"; }

  void BuildCorpusTogether();
  void PrepareText();
  void TruncateLogs(const std::vector<std::string>& finished, const std::string& stage, int step);
  void FindStart();
  std::string LanguageModelBefore(const std::string& stage) const;
  void PreparePreferences();
  void Probe();
  void MeasureKnowledge();
  void AverageRewardModels();
  void KeepRlModel(int step, const GoldCourse& course);
  void GoBackTo(int step);
  void MeasureQuality();
  void RunStage(const Stage& stage);
  void LogStart(const std::string& stage, int first_step);
  void TrainStage(const Stage& stage);
  void KeepMemory(StageMemory memory);
  void RunLoop(const Stage& stage, const StageContext& context);
  void ConcludeLearnedReward();
  void EvaluateStage(const std::string& stage);
  std::string ModelDir(const std::string& name_or_dir) const;
  RlConfig ResolvedRl() const;
  void Report();

  void TakeMemory();
  std::unique_ptr<policy::Policy> StartingPolicy(policy::Head head,
                                                 const policy::Workload& workload) const;
  std::unique_ptr<policy::Policy> LoadStage(const std::string& stage, policy::Head head,
                                            const policy::Workload& workload) const;
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
  policy::Device device_;
  std::unique_ptr<policy::Arena> arena_;  // null on a CPU
  policy::Workload workload_;             // of `policy_`, in all stages
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
  bool is_shortfall_told_ = false;
  std::vector<judge::AskedFact> asked_;  // of the probe
};

}  // namespace agon::trainer
