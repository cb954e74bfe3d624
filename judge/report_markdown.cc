// report.md: the same numbers for a terminal or a code forge.
#include <cmath>

#include "core/progress.h"
#include "judge/metrics.h"
#include "judge/report_parts.h"
#include "judge/text.h"

namespace agon::judge {
namespace {

std::string Difference(const Comparison& comparison) {
  const auto format = [&](double value) { return DifferenceText(comparison.metric, value); };
  return format(comparison.diff) + " [" + format(comparison.ci_low) + ", " +
         format(comparison.ci_high) + "]";
}

// What the first screen of report.html says, in one sentence.
std::string Verdict(const ReportInput& input) {
  const auto headlines = HeadlineComparisons(input, input.models.back().model);
  if (headlines.empty()) return "";
  size_t counts[3] = {};
  for (const Comparison* c : headlines) ++counts[static_cast<size_t>(FindingOf(*c))];
  const std::string a = EscapeMarkdown(input.models.front().model);
  const std::string b = EscapeMarkdown(input.models.back().model);
  const auto mean = MeanDifference(headlines);
  std::string text;
  if (counts[0] > 0 && counts[1] == 0) {
    text = b + " is better than " + a;
  } else if (counts[1] > 0 && counts[0] == 0) {
    text = b + " is worse than " + a;
  } else {
    text = counts[0] == 0 ? "No clear difference between " + b + " and " + a
                          : b + " is better than " + a + " at some, worse at others";
  }
  text += ": better at " + std::to_string(counts[0]) + ", worse at " + std::to_string(counts[1]) +
          ", unclear at " + std::to_string(counts[2]) + " of " + std::to_string(headlines.size()) +
          " benchmarks (5 % level, Holm's correction)";
  if (mean) {
    text += "; " + FormatPoints(mean->value) + " points on average [" + FormatPoints(mean->ci_low) +
            ", " + FormatPoints(mean->ci_high) + "]";
  }
  return "\n" + text + ".\n";
}

std::string Cell(const EvalResult& model, const Metric& metric) {
  const Metric* found = FindMetric(model, metric.benchmark, metric.metric);
  if (found == nullptr) return " – |";
  std::string text = " " + MetricText(metric.metric, found->value);
  if (found->stderr_ > 0) text += " ± " + MetricText(metric.metric, found->stderr_);
  return text + " |";
}

// Values of each model, then differences of each but the first with p and what would be found.
std::string MetricTable(const ReportInput& input) {
  std::string text = "| benchmark | metric |", rule = "|---|---|";
  for (const EvalResult& model : input.models) {
    text += " " + EscapeMarkdown(model.model) + " |";
    rule += "---:|";
  }
  for (size_t i = 1; i < input.models.size(); ++i) {
    text += " " + EscapeMarkdown(input.models[i].model) + " − " +
            EscapeMarkdown(input.models[0].model) + " | p | detectable |";
    rule += "---:|---:|---:|";
  }
  text += "\n" + rule + "\n";
  for (const Metric& metric : input.models.front().metrics) {
    text += "| " + EscapeMarkdown(metric.benchmark) + " | " + EscapeMarkdown(metric.metric) + " |";
    for (const EvalResult& model : input.models) text += Cell(model, metric);
    for (size_t i = 1; i < input.models.size(); ++i) {
      const Comparison* c =
          FindComparison(input, metric.benchmark, metric.metric, input.models[i].model);
      if (c == nullptr) {
        text += " | | |";
        continue;
      }
      const double shown = TraitsOf(c->metric).is_share ? 100 * c->min_effect : c->min_effect;
      text += " " + Difference(*c) + " | " +
              (std::isnan(c->p_value) ? "–" : FormatNumber(c->p_value, 4)) + " | " +
              FormatShort(shown) + " |";
    }
    text += "\n";
  }
  return text;
}

std::string CostTable(const ReportInput& input) {
  std::string text =
      "\n## What it took\n\n| benchmark | model | answers | tokens | time | tokens/s |\n"
      "|---|---|---:|---:|---:|---:|\n";
  for (const EvalResult& model : input.models) {
    for (const BenchmarkRun& run : model.benchmarks) {
      const BenchmarkCost cost = CostOf(model, run);
      const bool timed = cost.seconds > 0;
      text += "| " + EscapeMarkdown(run.name) + " | " + EscapeMarkdown(model.model) + " | " +
              std::to_string(cost.num_samples) + " | " + std::to_string(cost.num_tokens) + " | " +
              (timed ? FormatDuration(cost.seconds) : "–") + " | " +
              (timed ? FormatShort(static_cast<double>(cost.num_tokens) / cost.seconds) : "–") +
              " |\n";
    }
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
    text += Verdict(input) + "\n## Evaluation\n\n" + MetricTable(input) +
            "\nStandard errors (±) are clustered by task. Differences are paired by task, in "
            "percentage points of shares; detectable is the smallest that would have been found "
            "with a probability of 80 % at the 5 % level.\n" +
            ChangeTable(input) + CostTable(input);
  }
  return text + StageTable(logs);
}

}  // namespace agon::judge
