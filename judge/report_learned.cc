// A learned reward against the environment's own: how far the policy went, what it was promised,
// what it got, and by which replies the reward model was fooled.
#include <algorithm>
#include <cmath>
#include <utility>

#include "judge/charts.h"
#include "judge/report_parts.h"
#include "judge/text.h"

namespace agon::judge {
namespace {

constexpr size_t kShownExploits = 12;
constexpr int kCurvePoints = 60;

using Track = std::vector<std::pair<double, double>>;

// By rising distance.
std::vector<ChartPoint> OverDistance(const StageLog& log, const std::string& field) {
  std::vector<ChartPoint> points;
  for (const auto& [distance, value] : log.Over("distance", field)) {
    points.push_back({distance, value, 0, 0});
  }
  std::stable_sort(points.begin(), points.end(),
                   [](const ChartPoint& a, const ChartPoint& b) { return a.x < b.x; });
  return points;
}

std::optional<double> Last(const StageLog& log, const std::string& field) {
  const Track& points = log.Get(field);
  return points.empty() ? std::nullopt : std::optional(points.back().second);
}

// What was fitted to gold (Gao et al. 2022) by the last step.
struct FittedCurve {
  double start = 0, alpha = 0, beta = 0;
  double At(double d) const { return start + (d > 0 ? d * (alpha - beta * std::log(d)) : 0.0); }
};

std::optional<FittedCurve> Fitted(const StageLog& log) {
  const auto start = Last(log, "fit_start"), alpha = Last(log, "fit_alpha"),
             beta = Last(log, "fit_beta");
  if (!start || !alpha || !beta) return std::nullopt;
  return FittedCurve{*start, *alpha, *beta};
}

// The curve up to `farthest`, and a dot where it turns.
void AddFitted(const StageLog& log, double farthest, LineChart& chart) {
  const auto curve = Fitted(log);
  if (!curve) return;
  ChartSeries line{"fitted", "third", {}, false, false};
  for (int i = 0; i <= kCurvePoints; ++i) {
    const double d = farthest * i / kCurvePoints;
    line.points.push_back({d, curve->At(d), 0, 0});
  }
  chart.series.push_back(std::move(line));
  const auto peak = Last(log, "fit_peak");
  if (!peak || *peak > farthest || !log.Get("went_back_to").empty()) return;
  chart.series.push_back({"peak", "third", {{*peak, curve->At(*peak), 0, 0}}, false, true});
}

// Where a run that ended early went back to.
void AddStop(const StageLog& log, LineChart& chart) {
  const auto distance = Last(log, "top_distance"), gold = Last(log, "top_gold");
  if (log.Get("went_back_to").empty() || !distance || !gold) return;
  chart.series.push_back({"stop", "third", {{*distance, *gold, 0, 0}}, false, true});
}

std::string GoldChart(const StageLog& log, const std::vector<BestOfNPoint>& best_of_n) {
  LineChart chart;
  chart.title = "Promised and true reward";
  chart.note = "over the distance from the starting policy, square root of KL in nats";
  chart.x_label = "distance";
  chart.series = {{"promised", "before", OverDistance(log, "promised"), true, false},
                  {"true", "after", OverDistance(log, "gold"), true, false}};
  if (chart.series[1].points.empty()) return "";
  const double farthest = chart.series[1].points.back().x;
  AddFitted(log, farthest, chart);
  AddStop(log, chart);
  ChartSeries sampled{"best of n", "fourth", {}, false, true};
  for (const BestOfNPoint& point : best_of_n) {
    sampled.points.push_back({point.distance, point.gold, point.gold_low, point.gold_high});
  }
  chart.series.push_back(std::move(sampled));
  return RenderLineChart(chart);
}

std::string StepChart(const StageLog& log) {
  const auto curve = [&](const char* field, const char* label, const char* tone) {
    ChartSeries series{label, tone, {}, true, false};
    for (const auto& [step, value] : log.Get(field)) series.points.push_back({step, value, 0, 0});
    return series;
  };
  LineChart chart;
  chart.title = "The same over the run";
  chart.note = "true is the environment's own reward, promised what the reward model makes of it";
  chart.series = {curve("promised", "promised", "before"), curve("gold", "true", "after")};
  return RenderLineChart(chart);
}

std::string Small(const StageLog& log, const std::string& field, const std::string& title,
                  const std::string& note) {
  LineChart chart;
  chart.title = title;
  chart.note = note;
  chart.small = true;
  ChartSeries series{"", "third", {}, true, false};
  for (const auto& [step, value] : log.Get(field)) series.points.push_back({step, value, 0, 0});
  chart.series = {std::move(series)};
  return RenderLineChart(chart);
}

// Means over neighbours, so that one noisy step isn't the peak.
Track Smoothed(const Track& points) {
  std::vector<ChartPoint> raw;
  for (const auto& [step, value] : points) raw.push_back({step, value, 0, 0});
  Track smooth;
  for (const ChartPoint& point : internal::Smooth(raw)) smooth.emplace_back(point.x, point.y);
  return smooth;
}

double At(const Track& points, double step) {
  for (const auto& [at, value] : points) {
    if (at == step) return value;
  }
  return NAN;
}

std::string ExploitRow(const Exploit& exploit) {
  const std::string prompt = exploit.prompt.empty() ? "" : exploit.prompt.back().content;
  std::string row = "<tr><th scope=\"row\">" + EscapeHtml(prompt, 300) +
                    "</th><td class=\"text said\">" + EscapeHtml(exploit.reply, 400);
  if (!exploit.better.empty()) {
    row += "<small>instead of: " + EscapeHtml(exploit.better, 400) + " (" +
           FormatShort(exploit.better_gold) + ")</small>";
  }
  return row + "</td><td>" + FormatShort(exploit.promised) + "</td><td>" +
         FormatShort(exploit.gold) + "</td><td>" + std::to_string(exploit.step) + "</td></tr>\n";
}

std::string ExploitTable(const std::vector<Exploit>& exploits) {
  const auto shown = WidestGaps(exploits, kShownExploits);
  if (shown.empty()) return "";
  std::string html =
      "<h3>What the reward model was fooled by</h3>\n<table class=\"exploits\"><thead><tr>"
      "<th>prompt</th><th class=\"text\">reply</th><th>promised</th><th>true</th><th>step</th>"
      "</tr></thead><tbody>\n";
  for (const Exploit& exploit : shown) html += ExploitRow(exploit);
  return html + "</tbody></table>\n<p class=\"fine\">The widest gaps of " +
         std::to_string(exploits.size()) +
         " such replies in exploits.jsonl, one of each; preferences.jsonl has them as rejected "
         "ones "
         "beside better replies, for the next reward model.</p>\n";
}

}  // namespace

std::string LearnedRewardSentence(const RunLogs& logs) {
  const StageLog* log = FindStage(logs.log, "rl");
  if (log == nullptr || log->Get("promised").empty() || log->Get("gold").empty()) return "";
  const Track gold = Smoothed(log->Get("gold"));
  const auto best = std::max_element(
      gold.begin(), gold.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  std::string text = "True reward went from " + FormatShort(gold.front().second) + " to " +
                     FormatShort(best->second) + " at step " +
                     std::to_string(static_cast<int64_t>(best->first)) + ", distance " +
                     FormatShort(At(log->Get("distance"), best->first)) + ", and ended at " +
                     FormatShort(gold.back().second) + "; promised at the end were " +
                     FormatShort(Smoothed(log->Get("promised")).back().second) + ".";
  if (const auto peak = Last(*log, "fit_peak")) {
    text += " The fitted curve has its peak at distance " + FormatShort(*peak) + ".";
  }
  if (const auto step = Last(*log, "went_back_to")) {
    text += " It had fallen for sure: the run ended and went back to the model after step " +
            std::to_string(static_cast<int64_t>(*step)) + ", whose reward was " +
            FormatShort(At(gold, *step + 1)) + ".";
  }
  return text;
}

std::string HtmlLearnedReward(const RunLogs& logs) {
  const std::string sentence = LearnedRewardSentence(logs);
  if (sentence.empty()) return "";
  const StageLog& log = *FindStage(logs.log, "rl");
  return "<h2>Learned reward</h2>\n<p class=\"lead\">" + EscapeHtml(sentence) +
         "</p>\n<div class=\"charts\">" + GoldChart(log, logs.best_of_n) + StepChart(log) +
         "</div>\n<div class=\"charts\">" +
         Small(log, "kl_completion", "KL per completion", "nats from the starting policy") +
         Small(log, "disagreement", "Disagreement", "deviation between the reward models") +
         Small(log, "kl_coef", "Charge on KL", "adapted to its target") + "</div>\n" +
         ExploitTable(logs.exploits);
}

}  // namespace agon::judge
