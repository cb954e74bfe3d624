// report.md: the same numbers for a terminal or a code forge.
#include <cmath>

#include "core/progress.h"
#include "judge/metrics.h"
#include "judge/report_parts.h"
#include "judge/text.h"

namespace agon::judge {
namespace {

bool IsShare(const std::string& metric) {
  return metric.starts_with("pass@") || metric == "truncated";
}

std::string Value(const std::string& metric, double value) {
  return IsShare(metric) ? FormatPercent(value) : FormatShort(value);
}

std::string Difference(const Comparison& comparison) {
  const auto format = [&](double value) {
    return IsShare(comparison.metric) ? FormatPoints(value) : FormatShort(value);
  };
  return format(comparison.diff) + " [" + format(comparison.ci_low) + ", " +
         format(comparison.ci_high) + "]";
}

std::string MetricTable(const ReportInput& input) {
  std::string text = "| suite | metric |";
  std::string rule = "|---|---|";
  for (const EvalResult& model : input.models) {
    text += " " + EscapeMarkdown(model.model) + " |";
    rule += "---:|";
  }
  const bool compared = !input.comparisons.empty();
  text += compared ? " difference, 95 % interval |\n" : "\n";
  text += rule + (compared ? "---:|\n" : "\n");
  for (const Metric& metric : input.models.front().metrics) {
    text += "| " + EscapeMarkdown(metric.suite) + " | " + EscapeMarkdown(metric.metric) + " |";
    for (const EvalResult& model : input.models) {
      const Metric* found = FindMetric(model, metric.suite, metric.metric);
      if (found == nullptr) {
        text += " – |";
        continue;
      }
      text += " " + Value(metric.metric, found->value);
      if (found->stderr_ > 0) text += " ± " + Value(metric.metric, found->stderr_);
      text += " |";
    }
    const Comparison* comparison = FindComparison(input, metric.suite, metric.metric);
    if (compared) text += comparison ? " " + Difference(*comparison) + " |" : " |";
    text += "\n";
  }
  return text;
}

std::string StageTable(const RunLogs& logs) {
  const auto stages = SummarizeStages(logs);
  if (stages.empty()) return "";
  std::string text =
      "\n## Stages\n\n| stage | steps | time | tokens/s | of GEMM ceiling | measure | from | to |\n"
      "|---|---:|---:|---:|---:|---|---:|---:|\n";
  for (const StageSummary& stage : stages) {
    text += "| " + EscapeMarkdown(stage.stage) + " | " + std::to_string(stage.num_steps) + " | " +
            (std::isfinite(stage.seconds) ? FormatDuration(stage.seconds) : "–") + " | " +
            FormatShort(stage.tokens_per_s) + " | " +
            FormatPercent(stage.percent_of_ceiling / 100, 0) + " | " +
            EscapeMarkdown(stage.measure) + " | " + FormatShort(stage.first) + " | " +
            FormatShort(stage.last) + " |\n";
  }
  return text;
}

std::string ChangeTable(const ReportInput& input) {
  if (input.models.size() < 2) return "";
  const PairedSamples paired = PairSamples(input.models.front(), input.models.back());
  const auto count = [&](Change change) { return std::to_string(paired.Of(change).size()); };
  return "\n## What changed\n\nAnswers to the same task and sample:\n\n"
         "| | right after | wrong after |\n|---|---:|---:|\n"
         "| right before | " +
         count(Change::kBothRight) + " | " + count(Change::kWorse) + " |\n| wrong before | " +
         count(Change::kBetter) + " | " + count(Change::kBothWrong) + " |\n";
}

}  // namespace

std::string ReportMarkdown(const ReportInput& input, const RunLogs& logs) {
  std::string text = "# " + EscapeMarkdown(input.title) + "\n";
  if (!input.facts.empty()) {
    text += "\n| | |\n|---|---|\n";
    for (const auto& [name, value] : input.facts) {
      text += "| " + EscapeMarkdown(name) + " | " + EscapeMarkdown(value) + " |\n";
    }
  }
  if (!input.models.empty()) {
    text += "\n## Evaluation\n\n" + MetricTable(input) +
            "\nStandard errors (±) are clustered by task. Differences are paired by task. Shares "
            "differ in percentage points.\n" +
            ChangeTable(input);
  }
  return text + StageTable(logs);
}

}  // namespace agon::judge
