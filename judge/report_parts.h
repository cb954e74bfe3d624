// The parts of a report. WriteReport puts them together; each is pure text in, text out.
#pragma once

#include <array>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "judge/eval.h"
#include "judge/exploits.h"
#include "judge/knowledge.h"
#include "judge/reward_quality.h"
#include "judge/run_log.h"
#include "judge/statistics.h"

namespace agon::judge {

struct RunLogs {
  std::vector<StageLog> log;     // log.jsonl
  std::vector<StageLog> timing;  // timing.jsonl beside it
  // Of a learned reward: exploits.jsonl and best_of_n.json beside it.
  std::vector<Exploit> exploits = {};
  std::vector<BestOfNPoint> best_of_n = {};
  // Of reward models: reward_models.json beside it. The last one is that which is used.
  std::vector<RewardQuality> reward_models = {};
  // Of the stage probe: knowledge.json beside it.
  Knowledge knowledge = {};
};

// One line of the table of stages. Absent numbers are NaN.
struct StageSummary {
  std::string stage;
  int64_t num_steps = 0;
  double seconds = 0, tokens_per_s = 0, percent_of_ceiling = 0;  // sum; medians over steps
  std::string measure;  // the field that tells progress: "val_loss", "loss" or "correct"
  double first = 0, last = 0;
};
std::vector<StageSummary> SummarizeStages(const RunLogs& logs);

// One task and sample as two models answered it, both scored.
struct SamplePair {
  const SampleRecord* before;
  const SampleRecord* after;
};

enum class Change { kBetter, kWorse, kBothRight, kBothWrong };
constexpr int kNumChanges = 4;

struct PairedSamples {
  std::array<std::vector<SamplePair>, kNumChanges> pairs;  // by Change, in order of `before`
  const std::vector<SamplePair>& Of(Change change) const {
    return pairs[static_cast<size_t>(change)];
  }
  size_t size() const;  // of all changes together
};
// Of benchmarks whose answers are right or wrong. Pointers stay valid as long as the results.
PairedSamples PairSamples(const EvalResult& before, const EvalResult& after);

// The comparison of model `b` with the first, or nullptr.
const Comparison* FindComparison(const ReportInput& input, const std::string& benchmark,
                                 const std::string& metric, const std::string& b);

// CSS class of the i-th of n models: the first of several is "before", the last "after".
std::string ToneOf(size_t i, size_t n);

// What the comparison of a headline metric says.
enum class Finding { kBetter, kWorse, kUnclear };
// By Holm's p-value at the 5 % level and the way in which the metric is better; a metric that has
// no better way is unclear.
Finding FindingOf(const Comparison& comparison);
const char* FindingName(Finding finding);  // CSS class: "better", "worse", "unclear"

// Comparisons of `model`'s headline metrics with the first model's, in order of benchmarks.
std::vector<const Comparison*> HeadlineComparisons(const ReportInput& input,
                                                   const std::string& model);

// What a report says first, in every format: whether the last model is better than the first.
struct Conclusion {
  std::vector<const Comparison*> headlines;
  std::array<size_t, 3> counts{};  // of headlines, by Finding
  // The mean difference over those headlines that are shares, if there are two or more.
  std::optional<Estimate> mean;
  size_t num_averaged = 0;
  double mean_p = 0;  // of `mean`
  // Of the only headline, or of the mean; unclear where there is neither.
  Finding finding = Finding::kUnclear;

  size_t Count(Finding which) const { return counts[static_cast<size_t>(which)]; }
  // "B is better than A at some, worse at others", of names that are escaped already.
  std::string Sentence(const std::string& a, const std::string& b) const;
  // "+2.0 points on average over 3 benchmarks [+0.4, +3.6]". REQUIRES: mean.
  std::string MeanText() const;
};
Conclusion ConclusionOf(const ReportInput& input);

// "1 benchmark", "3 benchmarks".
std::string Counted(size_t count, const std::string& what);

// What a model did for a benchmark.
struct BenchmarkCost {
  double seconds = 0;  // NaN: not measured
  int64_t num_tokens = 0, num_samples = 0;
  // Right answers, and what all answers took that could have been right.
  int64_t num_correct = 0, num_graded_tokens = 0;
  BenchmarkCost& operator+=(const BenchmarkCost& other);
};
BenchmarkCost CostOf(const EvalResult& model, const BenchmarkRun& run);

// "p < 0.001", "p = 0.03".
std::string PText(double p);

std::string ReportHtml(const ReportInput& input, const RunLogs& logs);
std::string ReportMarkdown(const ReportInput& input, const RunLogs& logs);
std::string ResultsJson(const ReportInput& input);
std::string SamplesJsonl(const std::vector<EvalResult>& models);

// The tasks that have an entry in HtmlTasks, and their ids.
class TaskAnchors {
 public:
  explicit TaskAnchors(const ReportInput& input);
  // "" if the task has none.
  std::string Find(size_t benchmark_idx, uint64_t task_index) const;

 private:
  std::set<std::string> names_;
};

// A whole page: `kind` and `title` are text, `body` is HTML.
std::string HtmlPage(const std::string& kind, const std::string& title, const std::string& body);

// Parts of report.html.
const char* ReportStyle();
std::string HtmlStages(const RunLogs& logs);
std::string HtmlCurves(const RunLogs& logs);
// How good reward models are on held-out preferences; "" if the run trained none.
std::string HtmlRewardModels(const RunLogs& logs);
std::string MarkdownRewardModels(const RunLogs& logs);
// What the model knows and what it makes up; "" if the run didn't probe it.
std::string HtmlKnowledge(const RunLogs& logs);
std::string MarkdownKnowledge(const RunLogs& logs);
// What became of a learned reward; "" if the run had none.
std::string HtmlLearnedReward(const RunLogs& logs);
// The same in one sentence.
std::string LearnedRewardSentence(const RunLogs& logs);
// The first screen: is it better, by how much, how sure, and at what.
std::string HtmlOverview(const ReportInput& input);
// Which tasks of each skill fail: the holes.
std::string HtmlCheese(const ReportInput& input, const TaskAnchors& anchors);
std::string HtmlEvaluation(const ReportInput& input);
std::string HtmlTasks(const ReportInput& input);
std::string HtmlCost(const ReportInput& input);
std::string HtmlSamples(const ReportInput& input);

}  // namespace agon::judge
