// The parts of a report. WriteReport puts them together; each is pure text in, text out.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "judge/eval.h"
#include "judge/run_log.h"

namespace agon::judge {

struct RunLogs {
  std::vector<StageLog> log;     // log.jsonl
  std::vector<StageLog> timing;  // timing.jsonl beside it
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
};
// Pointers stay valid as long as the results.
PairedSamples PairSamples(const EvalResult& before, const EvalResult& after);

// The comparison of that name, or nullptr.
const Comparison* FindComparison(const ReportInput& input, const std::string& suite,
                                 const std::string& metric);

std::string ReportHtml(const ReportInput& input, const RunLogs& logs);
std::string ReportMarkdown(const ReportInput& input, const RunLogs& logs);
std::string ResultsJson(const ReportInput& input);
std::string SamplesJsonl(const std::vector<EvalResult>& models);

// Parts of report.html.
const char* ReportStyle();
std::string HtmlStages(const RunLogs& logs);
std::string HtmlCurves(const RunLogs& logs);
std::string HtmlEvaluation(const ReportInput& input);
std::string HtmlSamples(const ReportInput& input);

}  // namespace agon::judge
