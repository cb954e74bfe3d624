// Evaluation: held-out tasks to scores with honest intervals, and their reports.
//
// A suite is a list of benchmarks (docs/formats/suite.md); a benchmark is a list of tasks of one
// kind, how they are put to the model, and how the answers are scored.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "judge/rollout.h"

namespace agon::judge {

enum class BenchmarkKind {
  kEnvironment,  // episodes of an environment, graded by it
  kGeneration,   // answers to the lines of a file, found and compared in several ways
  kChoice,       // the likeliest of given continuations, by log-likelihood
  kText,         // bits per byte of documents
};
// "environment", "generation", "choice", "text", in the order of BenchmarkKind.
std::span<const std::string> BenchmarkKindNames();

enum class Prompting {
  kChat,   // a conversation by the chat template: the prompt is the user's turn
  kPlain,  // text that the model goes on with, as base models do
};

// Every key of a suite file (judge/suite.cc has their ranges and meanings).
struct BenchmarkSpec {
  std::string name;  // in reports; unique in a suite
  BenchmarkKind kind = BenchmarkKind::kEnvironment;

  std::string env;  // "math/shop-v1" or with parameters
  envs::Split split = envs::Split::kTest;
  // Of a game: the model directory that plays the other seats. The evaluated model plays
  // seat index % num_seats.
  std::string opponent;

  std::string file;    // JSON lines (judge/eval/items.h); of kText also plain text
  std::string prompt;  // template over a line's fields; "": the kind's own
  Prompting prompting = Prompting::kChat;
  int num_few_shot = 0;
  std::string few_shot_file;            // "": `file`, never the task's own line
  std::vector<std::string> extractors;  // of kGeneration, or "judge:NAME"; the first one decides
  std::vector<std::string> until;       // where a plain answer ends, besides a blank line
  bool letters = false;                 // of kChoice: scores " A", not the choice's text
  int context_tokens = 1;               // of kText: least context of a window after the first

  std::string prefill;  // how every answer begins; not sampled, part of what is graded
  int num_tasks = 500;  // at most; a file may hold fewer
  int samples_per_task = 4;
  float temperature = 1.0f;  // 0: greedy, one sample per task
  int max_new_tokens = 128;
  uint64_t seed = 42;  // of tasks, few-shot examples and sampling
};

// What a model is to evaluation.
struct Subject {
  std::string name;  // in reports
  // Of all that decides its bits (serve::ModelIdentity); "": results are neither looked up nor
  // kept.
  std::string hash;
  // The model and its template; called when something must be computed. May be slow.
  std::function<Player()> load;
};

struct EvalOptions {
  std::filesystem::path cache;  // folder of judge/eval/eval_cache.h; empty: nothing is kept
  int max_rows = 512;           // decoded at once: memory against speed, never a result
  policy::Device device{};      // of judges that score; the subject is on its own
};

// What evaluation by these asks of a model: rows that decode at once are never more than samples.
policy::Workload WorkloadOf(std::span<const BenchmarkSpec> benchmarks, const EvalOptions& options);
int RowsOf(const BenchmarkSpec& benchmark, int max_rows);

struct Metric {
  std::string benchmark, metric;   // "math/shop-v1", "pass@1"
  double value = 0, stderr_ = 0;   // standard error clustered by task; NaN if unknown
  double ci_low = 0, ci_high = 0;  // 95 %; NaN if unknown
  int64_t n = 0;                   // clusters (tasks)
};

struct Comparison {
  std::string benchmark, metric, a, b;  // names of the two models
  double diff = 0;                      // b - a, paired by task
  double stderr_ = 0;
  double ci_low = 0, ci_high = 0;  // 95 %; NaN if unknown, or if all tasks differ alike
  double p_value = 0;              // two-sided, of "no difference"
  // p_value after Holm's correction over the family: the headline metric, which is the first
  // one, of every benchmark. NaN for other metrics: they explain and decide nothing.
  double p_adjusted = 0;
  // The smallest difference that would have been found with probability 0.8 at the 5 % level; NaN
  // where there is no interval.
  double min_effect = 0;
  int64_t n = 0;             // tasks that both have scored
  int64_t tasks_needed = 0;  // to find a difference as large as `diff`; 0: not known
};

// One graded episode or scored task, as kept in samples.jsonl.
struct SampleRecord {
  std::string benchmark, family, prompt, answer, completion, extracted, reason;
  uint64_t task_index = 0;
  uint32_t sample = 0;
  int difficulty = 0;
  double reward = 0;
  bool correct = false;  // reward == the environment's maximum
  bool truncated = false, masked = false;
  int num_tokens = 0;  // sampled, or scored where nothing is sampled
  // Other numbers of the kind: "acc", "acc_norm", "acc_bytes"; "nats", "bytes"; "match:number".
  std::map<std::string, double> scores;
};

// How a benchmark was run.
struct BenchmarkRun {
  std::string name;
  BenchmarkKind kind = BenchmarkKind::kEnvironment;
  std::string settings;  // for people: "test split, 500 tasks x 4 samples, temperature 1, ..."
  // Of computing, summed over the calls that filled the cache; NaN: not measured.
  double seconds = std::numeric_limits<double>::quiet_NaN();
  bool is_judged = false;  // a judge's score is the headline
};

struct EvalResult {
  std::string model;  // name shown in reports
  std::string hash;   // Subject::hash
  std::vector<BenchmarkRun> benchmarks;
  std::vector<Metric> metrics;
  std::vector<SampleRecord> samples;
};

// Metrics of each benchmark, the headline first. Of answers that are sampled: "pass@K" for K = 1,
// 2, 4, ... up to the samples per task N and N itself, "pass^K" for each K > 1 (all K right),
// "maj@N" of all N samples (judge/attempts.h) where there are answers to vote on, "reward",
// "length" (sampled tokens), "truncated" (share), against an opponent "elo", the difference of
// ratings, and "match:E" of each extractor E; where a judge decides "score" leads instead of
// pass@K. Of choices: "acc", "acc_bytes", "acc_norm" (the
// likeliest, per byte, per character). Of texts: "bits_per_byte". Of all: "masked" (count), and
// the headline by "/family=F" and "/difficulty=D" where there are several.
//
// Masked episodes are left out of all but "masked". Shares keep their intervals within
// [0, 1]; where all tasks agree on 0 or 1 the interval is the exact binomial one, where they agree
// on another value there is none. A task whose prompt doesn't fit the model's context is masked.
// Draws a progress bar. The result doesn't depend on `options`, on batches, threads, or what is in
// the cache. Throws Error(kUsage) on a benchmark that makes no sense, before any work.
EvalResult Evaluate(const Subject& subject, std::span<const BenchmarkSpec> benchmarks,
                    const EvalOptions& options);
// The same of a model in memory, without a cache.
EvalResult Evaluate(policy::Policy& policy, const datasets::ChatTemplate& chat,
                    std::span<const BenchmarkSpec> benchmarks, const std::string& model_name);

// Every metric but the counts, b against a, paired by task; intervals and p-values are Student's
// t with tasks - 1 degrees of freedom (judge/significance.h). Only tasks that both have scored
// take part; a benchmark without any is left out. Throws Error(kUsage) if that leaves nothing.
std::vector<Comparison> Compare(const EvalResult& a, const EvalResult& b);
// Each model with the first; the headlines of all of them are one family for Holm's correction.
std::vector<Comparison> CompareWithFirst(std::span<const EvalResult> models);

// The built-in suites "core" (every environment's held-out split) and "jagged", a TOML file, or
// one environment by its name ("math/shop", with parameters if wanted). Throws Error naming the
// file and the key.
std::vector<BenchmarkSpec> LoadSuite(const std::string& name_or_file);
// The keys of a benchmark as tables of docs/formats/suite.md.
std::string SuiteKeysMarkdown();

// One model's results.json and samples.jsonl, each whole or not at all; and back. Without
// seconds, so that equal results are equal bytes. ReadEval throws kNotFound or kCorrupt.
void WriteEval(const std::filesystem::path& dir, const EvalResult& result);
EvalResult ReadEval(const std::filesystem::path& dir);

// Everything a report shows. Curves come from the run's log (docs/formats/run.md).
struct ReportInput {
  std::string title;
  std::vector<EvalResult> models;       // one to six; the first is what others are compared with
  std::vector<Comparison> comparisons;  // of each other model with the first
  std::optional<std::filesystem::path> run_log;  // log.jsonl
  std::map<std::string, std::string> facts;      // "machine", "recipe", "time": shown as a table
};

// Reads the log and timing.jsonl beside it; a missing or cut log leaves out what it
// would have shown. Model output is untrusted and shown as text only.
// Writes report.html (one self-contained file), report.md, results.json and
// samples.jsonl, each whole or not at all.
void WriteReport(const std::filesystem::path& dir, const ReportInput& input);

}  // namespace agon::judge
