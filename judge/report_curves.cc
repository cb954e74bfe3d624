// The course of the run: table of stages, loss curves, RL curves.
#include <algorithm>
#include <cmath>

#include "core/progress.h"
#include "judge/charts.h"
#include "judge/report_parts.h"
#include "judge/text.h"

namespace agon::judge {
namespace {

ChartSeries Curve(const StageLog& log, const std::string& field, const std::string& label,
                  const std::string& tone, bool smooth) {
  ChartSeries series;
  series.label = label;
  series.tone = tone;
  series.smooth = smooth;
  for (const auto& [step, value] : log.Get(field)) series.points.push_back({step, value, 0, 0});
  return series;
}

std::string LossChart(const StageLog& log, const std::string& title, const std::string& note) {
  LineChart chart;
  chart.title = title;
  chart.note = note;
  chart.series = {Curve(log, "loss", "train", "before", true)};
  ChartSeries validation = Curve(log, "val_loss", "validation", "after", false);
  validation.markers = validation.points.size() <= 40;
  chart.series.push_back(std::move(validation));
  return RenderLineChart(chart);
}

std::string SmallChart(const StageLog& log, const std::string& field, const std::string& title,
                       const std::string& note, ChartUnit unit = ChartUnit::kNumber,
                       std::optional<double> y_min = 0.0) {
  LineChart chart;
  chart.title = title;
  chart.note = note;
  chart.unit = unit;
  chart.small = true;
  chart.series = {Curve(log, field, title, "third", true)};
  // Most are counts, shares or distances: a scale that starts at zero shows their size.
  chart.y_min = y_min;
  return RenderLineChart(chart);
}

// One curve, large; its unit and bounds are the caller's.
LineChart LargeChart(const StageLog& log, const std::string& field, const std::string& title,
                     const std::string& note, const std::string& tone) {
  LineChart chart;
  chart.title = title;
  chart.note = note;
  chart.series = {Curve(log, field, "", tone, true)};
  return chart;
}

// What only some runs have: games against a frozen opponent, a curriculum.
std::string OwnCharts(const StageLog& log) {
  LineChart level =
      LargeChart(log, "level", "Curriculum", "highest level whose tasks are drawn", "before");
  level.y_min = 0.0;
  level.series[0].smooth = false;
  const std::string charts =
      RenderLineChart(LargeChart(log, "elo", "Elo over the opponent",
                                 "from each step's games; the frozen opponent stands at 0",
                                 "after")) +
      RenderLineChart(level);
  return charts.empty() ? "" : "<div class=\"charts\">" + charts + "</div>\n";
}

std::string RlCharts(const StageLog& log) {
  LineChart accuracy = LargeChart(log, "correct", "Right answers",
                                  "share of episodes with the full reward, per step", "after");
  accuracy.unit = ChartUnit::kPercent;
  accuracy.y_min = 0.0;
  accuracy.y_max = 1.0;
  LineChart length = LargeChart(log, "length", "Response length",
                                "sampled tokens per episode, same steps", "before");
  length.y_min = 0.0;
  std::string html = "<h2>Reinforcement learning</h2>\n<div class=\"charts\">" +
                     RenderLineChart(accuracy) + RenderLineChart(length) + "</div>\n" +
                     OwnCharts(log) + "<div class=\"charts\">";
  html += SmallChart(log, "reward", "Reward", "mean over scored episodes");
  html += SmallChart(log, "entropy", "Entropy", "nats per sampled token");
  html += SmallChart(log, "kl", "KL to the reference", "k3 estimate, nats per token");
  html += SmallChart(log, "clip_fraction", "Clipped", "share of tokens at the ratio's bounds",
                     ChartUnit::kPercent);
  html += SmallChart(log, "zero_variance_groups", "Groups without signal",
                     "all samples alike, dropped");
  html += SmallChart(log, "truncated", "Truncated", "share of episodes cut by the limit",
                     ChartUnit::kPercent);
  html += SmallChart(log, "grad_norm", "Gradient norm", "before clipping");
  html += SmallChart(log, "ratio_max", "Largest ratio", "trainer against sampler");
  html += SmallChart(log, "logprob_diff_max", "Sampler − trainer",
                     "largest log-probability gap; 0 is exact");
  html += SmallChart(log, "value_loss", "Value loss", "of the value model");
  html += SmallChart(log, "explained_variance", "Explained variance",
                     "share of the returns' that the value model knows", ChartUnit::kNumber,
                     std::nullopt);
  return html + "</div>\n";
}

std::string StageRow(const StageSummary& stage, double longest_seconds) {
  const auto cell = [](const std::string& text) { return "<td>" + text + "</td>"; };
  const bool timed = std::isfinite(stage.seconds);
  const double share = timed && longest_seconds > 0 ? stage.seconds / longest_seconds : 0;
  std::string bar = "<td class=\"bar\"><i style=\"width:" +
                    std::to_string(static_cast<int>(std::lround(100 * share))) + "%\"></i></td>";
  const bool is_share = stage.measure == "correct";
  const auto format = [&](double value) {
    return is_share ? FormatPercent(value) : FormatShort(value);
  };
  return "<tr><th scope=\"row\">" + EscapeHtml(stage.stage) + "</th>" +
         cell(std::to_string(stage.num_steps)) + cell(timed ? FormatDuration(stage.seconds) : "–") +
         bar + cell(FormatShort(stage.tokens_per_s)) +
         cell(FormatPercent(stage.percent_of_ceiling / 100, 0)) + "<td class=\"text\">" +
         EscapeHtml(stage.measure) + "</td>" +
         cell(format(stage.first) + " <span class=\"to\">→</span> " + format(stage.last)) +
         "</tr>\n";
}

}  // namespace

std::string HtmlStages(const RunLogs& logs) {
  const auto stages = SummarizeStages(logs);
  if (stages.empty()) return "";
  double longest = 0;
  for (const StageSummary& stage : stages) {
    if (std::isfinite(stage.seconds)) longest = std::max(longest, stage.seconds);
  }
  std::string html =
      "<h2>The run</h2>\n<table class=\"stages\"><thead><tr><th>stage</th><th>steps</th>"
      "<th>time</th><th></th><th>tokens/s</th><th>of GEMM ceiling</th>"
      "<th class=\"text\">measure</th><th>first → last</th></tr></thead><tbody>\n";
  for (const StageSummary& stage : stages) html += StageRow(stage, longest);
  return html +
         "</tbody></table>\n<p class=\"fine\">Speeds are medians over steps. First and last are "
         "means over a tenth of the stage, at most ten steps.</p>\n";
}

std::string HtmlCurves(const RunLogs& logs) {
  std::string html;
  if (const StageLog* rl = FindStage(logs.log, "rl")) html += RlCharts(*rl);
  std::string losses;
  if (const StageLog* pretrain = FindStage(logs.log, "pretrain")) {
    losses += LossChart(*pretrain, "Pretraining loss", "nats per token");
  }
  if (const StageLog* sft = FindStage(logs.log, "sft")) {
    losses += LossChart(*sft, "Fine-tuning loss", "nats per assistant token");
  }
  const StageLog* rewards = FindStage(logs.log, "reward-model");
  if (rewards == nullptr) rewards = FindStage(logs.log, "reward-model-1");
  if (rewards != nullptr) losses += LossChart(*rewards, "Reward-model loss", "nats per preference");
  if (!losses.empty()) {
    html += "<h2>Before that: learning from examples</h2>\n<div class=\"charts\">" + losses +
            "</div>\n";
  }
  return html;
}

}  // namespace agon::judge
