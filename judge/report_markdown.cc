// report.md: the same numbers for a terminal or a code forge.
#include <cmath>

#include "core/progress.h"
#include "judge/metrics.h"
#include "judge/report_parts.h"
#include "judge/text.h"

namespace agon::judge {
namespace {

std::string DifferenceCell(const Comparison& comparison) {
  const std::string interval = IntervalText(comparison);
  return DifferenceText(comparison.metric, comparison.diff) +
         (interval.empty() ? "" : " " + interval);
}

// What the first screen of report.html says, in one sentence.
std::string VerdictText(const ReportInput& input) {
  const Conclusion conclusion = ConclusionOf(input);
  if (conclusion.headlines.empty()) return "";
  const auto count = [&](Finding finding) { return std::to_string(conclusion.Count(finding)); };
  std::string text = conclusion.Sentence(EscapeMarkdown(input.models.front().model),
                                         EscapeMarkdown(input.models.back().model));
  text += ": better at " + count(Finding::kBetter) + ", worse at " + count(Finding::kWorse) +
          ", unclear at " + count(Finding::kUnclear) + " of " +
          Counted(conclusion.headlines.size(), "benchmark") + " (5 % level, Holm's correction)";
  if (conclusion.mean) text += "; " + conclusion.MeanText();
  return "\n" + text + ".\n";
}

std::string MetricCell(const EvalResult& model, const Metric& metric) {
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
    for (const EvalResult& model : input.models) text += MetricCell(model, metric);
    for (size_t i = 1; i < input.models.size(); ++i) {
      const Comparison* c =
          FindComparison(input, metric.benchmark, metric.metric, input.models[i].model);
      if (c == nullptr) {
        text += " | | |";
        continue;
      }
      const double shown = TraitsOf(c->metric).is_share ? 100 * c->min_effect : c->min_effect;
      text += " " + DifferenceCell(*c) + " | " +
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
  if (paired.size() == 0) return "";
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
    text += VerdictText(input) + "\n## Evaluation\n\n" + MetricTable(input) +
            "\nStandard errors (±) are clustered by task. Differences are paired by task, in "
            "percentage points of shares; detectable is the smallest that would have been found "
            "with a probability of 80 % at the 5 % level.\n" +
            ChangeTable(input) + CostTable(input);
  }
  const std::string learned = LearnedRewardSentence(logs);
  if (!learned.empty()) text += "\n## Learned reward\n\n" + learned + "\n";
  return text + MarkdownKnowledge(logs) + MarkdownRewardModels(logs) + StageTable(logs);
}

}  // namespace agon::judge
