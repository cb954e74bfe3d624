// Reward models on preferences that they haven't seen: right how often, as sure as they should be,
// and fond of length.
#include <algorithm>
#include <cmath>

#include "judge/charts.h"
#include "judge/report_parts.h"
#include "judge/text.h"

namespace agon::judge {
namespace {

std::string WithInterval(const Estimate& estimate, const std::string& value, double scale,
                         int decimals) {
  if (!std::isfinite(estimate.value)) return "–";
  if (!std::isfinite(estimate.ci_low)) return value;
  return value + " <small>[" + FormatNumber(scale * estimate.ci_low, decimals) + ", " +
         FormatNumber(scale * estimate.ci_high, decimals) + "]</small>";
}

std::string Share(const Estimate& estimate) {
  return WithInterval(estimate, FormatPercent(estimate.value), 100, 1);
}

std::string Slope(const Estimate& estimate) {
  return WithInterval(estimate, FormatNumber(estimate.value, 2), 1, 2);
}

std::string CalibrationChart(const RewardQuality& quality) {
  LineChart chart;
  chart.title = "Calibration";
  chart.note = "share of held-out pairs that labelers order as the model does, by its probability";
  chart.x_label = "probability by the model";
  chart.unit = ChartUnit::kPercent;
  chart.y_min = 0.4;
  chart.y_max = 1.0;
  chart.x_min = 0.5;
  chart.x_max = 1.0;
  ChartSeries observed{quality.model, "after", {}, false, true};
  for (const CalibrationBin& bin : quality.calibration) {
    observed.points.push_back(
        {bin.predicted, bin.observed.value, bin.observed.ci_low, bin.observed.ci_high});
  }
  ChartSeries ideal{"as sure as right", "third", {{0.5, 0.5, 0, 0}, {1, 1, 0, 0}}, false, false};
  chart.series = {std::move(ideal), std::move(observed)};
  return RenderLineChart(chart);
}

std::string MarginChart(const RewardQuality& quality) {
  LineChart chart;
  chart.title = "Margins";
  chart.note = "reward of the completion that labelers prefer, less that of the other";
  chart.x_label = "margin";
  chart.unit = ChartUnit::kPercent;
  chart.y_min = 0.0;
  ChartSeries right{"labeled right", "after", {}, false, false},
      wrong{"labeled wrong", "before", {}, false, false};
  int64_t num_wrong = 0;
  for (const MarginBin& bin : quality.margins) {
    const double middle = (bin.low + bin.high) / 2;
    const auto share = [&](int64_t count) {
      return static_cast<double>(count) / static_cast<double>(quality.num_pairs);
    };
    right.points.push_back({middle, share(bin.num_true), 0, 0});
    wrong.points.push_back({middle, share(bin.num_wrong), 0, 0});
    num_wrong += bin.num_wrong;
  }
  if (num_wrong == 0) right.label = "";
  chart.series = {std::move(right)};
  if (num_wrong > 0) chart.series.push_back(std::move(wrong));
  return RenderLineChart(chart);
}

std::string Row(const RewardQuality& quality, bool knows_truth) {
  const auto cell = [](const std::string& text) { return "<td>" + text + "</td>"; };
  std::string row = "<tr><th scope=\"row\">" + EscapeHtml(quality.model) + "</th>" +
                    cell(Share(quality.accuracy));
  if (knows_truth) row += cell(Share(quality.share_of_bayes)) + cell(Share(quality.gold_accuracy));
  row += cell(FormatNumber(quality.log_loss, 3)) + cell(FormatPercent(quality.calibration_error)) +
         cell(Slope(quality.length_slope));
  if (knows_truth) row += cell(Slope(quality.length_slope_at_equal_gold));
  return row + "</tr>\n";
}

std::string Table(const std::vector<RewardQuality>& models, bool knows_truth) {
  std::string html = "<table class=\"metrics\"><thead><tr><th>model</th><th>right on pairs</th>";
  if (knows_truth) html += "<th>of an oracle's</th><th>of the truth</th>";
  html += "<th>log loss</th><th>calibration error</th><th>10 more tokens</th>";
  if (knows_truth) html += "<th>at equal worth</th>";
  html += "</tr></thead><tbody>\n";
  for (const RewardQuality& quality : models) html += Row(quality, knows_truth);
  return html + "</tbody></table>\n";
}

std::string Lead(const RewardQuality& quality) {
  std::string html = "<p class=\"lead\">On <b>" + std::to_string(quality.num_pairs) +
                     "</b> held-out pairs of <b>" + std::to_string(quality.num_preferences) +
                     "</b> prompts, <b>" + EscapeHtml(quality.model) + "</b> agrees with <b>" +
                     FormatPercent(quality.accuracy.value) + "</b> of labels";
  if (std::isfinite(quality.bayes_accuracy)) {
    html += "; an oracle would agree with <b>" + FormatPercent(quality.bayes_accuracy) + "</b>";
  }
  return html + ".</p>\n";
}

std::string Fine(const RewardQuality& quality, bool knows_truth) {
  std::string html =
      "<p class=\"fine\">95 % intervals, clustered by prompt. The calibration error is the mean "
      "distance between how sure a model is and how often it is right. What ten more tokens bring "
      "is in deviations of rewards between replies to one prompt";
  if (knows_truth) {
    html += "; to the truth they bring " + FormatNumber(quality.gold_length_slope.value, 2) +
            " of its own. An oracle knows what each reply is worth, and not which labeler has the "
            "task or when one slips";
  }
  return html + ".</p>\n";
}

}  // namespace

std::string HtmlRewardModels(const RunLogs& logs) {
  const auto& models = logs.reward_models;
  if (models.empty()) return "";
  const RewardQuality& shown = models.back();
  const bool knows_truth = std::isfinite(shown.bayes_accuracy);
  return "<h2>Reward model</h2>\n" + Lead(shown) + Table(models, knows_truth) +
         "<div class=\"charts\">" + CalibrationChart(shown) + MarginChart(shown) + "</div>\n" +
         Fine(shown, knows_truth);
}

std::string MarkdownRewardModels(const RunLogs& logs) {
  if (logs.reward_models.empty()) return "";
  std::string text = "\n## Reward model\n\n";
  for (const RewardQuality& quality : logs.reward_models) {
    text += "- " + quality.model + ": " + DescribeQuality(quality) + "; calibration error " +
            FormatPercent(quality.calibration_error) + "\n";
  }
  return text;
}

}  // namespace agon::judge
