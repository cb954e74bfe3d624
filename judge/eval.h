// Evaluation: held-out tasks to scores with honest intervals, and their reports.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "judge/rollout.h"

namespace agon::judge {

struct SuiteSpec {
  std::string env;  // "math/shop-v1" or with parameters
  envs::Split split = envs::Split::kTest;
  int num_tasks = 500;
  int samples_per_task = 4;
  float temperature = 1.0f;  // 0: greedy, one sample per task
  int max_new_tokens = 128;
  uint64_t seed = 42;                 // of tasks and of sampling
  std::vector<int> pass_at = {1, 4};  // k of pass@k, each <= samples_per_task
  // Of a game: the model directory that plays the other seats. The evaluated model plays
  // seat index % num_seats.
  std::string opponent;
};

struct Metric {
  std::string suite, metric;       // "math/shop-v1", "pass@1"
  double value = 0, stderr_ = 0;   // standard error clustered by task; NaN if unknown
  double ci_low = 0, ci_high = 0;  // 95 %
  int64_t n = 0;                   // clusters (tasks)
};

struct Comparison {
  std::string suite, metric, a, b;  // names of the two models
  double diff = 0;                  // b - a, paired by task
  double ci_low = 0, ci_high = 0;   // 95 %
};

// One graded episode, as kept in samples.jsonl.
struct SampleRecord {
  std::string suite, family, prompt, answer, completion, extracted, reason;
  uint64_t task_index = 0;
  uint32_t sample = 0;
  int difficulty = 0;
  double reward = 0;
  bool correct = false;  // reward == the environment's maximum
  bool truncated = false, masked = false;
  int num_tokens = 0;
};

struct EvalResult {
  std::string model;  // name shown in reports
  std::vector<Metric> metrics;
  std::vector<SampleRecord> samples;
};

// Metrics of each suite: "pass@K" for each K, "reward", "length" (sampled tokens),
// "truncated" (share), "masked" (count), "pass@1/family=F", "pass@1/difficulty=D", and against
// an opponent "elo", the difference of ratings.
// Masked episodes are left out of all but "masked". Shares keep their intervals within
// [0, 1]; where all tasks agree on 0 or 1 the interval is the exact binomial one. Draws a progress
// bar. Throws Error(kUsage) on a suite that makes no sense.
EvalResult Evaluate(policy::Policy& policy, const datasets::ChatTemplate& chat,
                    std::span<const SuiteSpec> suites, const std::string& model_name);

// Every metric but the counts, b against a, paired by task; intervals are Student's t with
// tasks - 1 degrees of freedom. Only tasks that both have scored take part. Throws
// Error(kUsage) if a suite has none in common.
std::vector<Comparison> Compare(const EvalResult& a, const EvalResult& b);

// Unbiased pass@k from n samples of which c are right (Chen et al. 2021, eq. 1).
double PassAtK(int n, int c, int k);

// Suites by the name of an environment ("math/shop", with parameters if wanted), or from a
// JSON file {"suites": [{"env": ..., "split": "test", "num_tasks": 500, ...}]} with the
// fields of SuiteSpec. Throws Error naming the file and the field.
std::vector<SuiteSpec> LoadSuites(const std::string& name_or_file);

// One model's results.json and samples.jsonl, each whole or not at all; and back.
// ReadEval throws kNotFound or kCorrupt.
void WriteEval(const std::filesystem::path& dir, const EvalResult& result);
EvalResult ReadEval(const std::filesystem::path& dir);

// Everything a report shows. Curves come from the run's log (docs/formats/run.md).
struct ReportInput {
  std::string title;
  std::vector<EvalResult> models;  // in order: before, after
  std::vector<Comparison> comparisons;
  std::optional<std::filesystem::path> run_log;  // log.jsonl
  std::map<std::string, std::string> facts;      // "machine", "recipe", "time": shown as a table
};

// Reads the log and timing.jsonl beside it; a missing or cut log leaves out what it
// would have shown. Model output is untrusted and shown as text only.
// Writes report.html (one self-contained file), report.md, results.json and
// samples.jsonl, each whole or not at all.
void WriteReport(const std::filesystem::path& dir, const ReportInput& input);

}  // namespace agon::judge
