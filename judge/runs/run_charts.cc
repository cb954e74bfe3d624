#include "judge/runs/run_charts.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "judge/charts.h"
#include "judge/report_parts.h"
#include "judge/runs/run_measures.h"

namespace agon::judge {
namespace {

using Track = std::vector<std::pair<double, double>>;

constexpr size_t kMeanPoints = 120;
constexpr size_t kFewPoints = 20;  // validations: each is a mean already

struct RunCurve {
  std::string stage, x, y;  // fields of the log; x "" is the step
  std::string title, note;
  bool small = false;
  ChartUnit unit = ChartUnit::kNumber;
  std::optional<double> y_min = std::nullopt;
};

// By rising x, smoothed where there are many.
Track Points(const RecordedRun& run, const RunCurve& curve) {
  const StageLog* log = FindStage(run.log, curve.stage);
  if (log == nullptr) return {};
  std::vector<ChartPoint> points;
  const Track raw = curve.x.empty() ? log->Get(curve.y) : log->Over(curve.x, curve.y);
  for (const auto& [x, y] : raw) points.push_back({x, y, 0, 0});
  std::stable_sort(points.begin(), points.end(),
                   [](const ChartPoint& a, const ChartPoint& b) { return a.x < b.x; });
  if (points.size() > kFewPoints) points = internal::Smooth(points);
  Track track;
  for (const ChartPoint& point : points) track.emplace_back(point.x, point.y);
  return track;
}

std::string Draw(std::span<const RunGroup> groups, const RunCurve& curve) {
  LineChart chart;
  chart.title = curve.title;
  chart.note = curve.note;
  chart.small = curve.small;
  chart.unit = curve.unit;
  chart.y_min = curve.y_min;
  if (!curve.x.empty()) chart.x_label = curve.x;
  for (size_t g = 0; g < groups.size(); ++g) {
    std::vector<Track> tracks;
    for (const RecordedRun& run : groups[g].runs) tracks.push_back(Points(run, curve));
    ChartSeries series{groups[g].name, ToneOf(g, groups.size()), {}, false, false};
    for (const auto& [x, y] : MeanCurve(tracks, kMeanPoints)) series.points.push_back({x, y, 0, 0});
    if (!series.points.empty()) chart.series.push_back(std::move(series));
  }
  return RenderLineChart(chart);
}

std::string DrawAll(std::span<const RunGroup> groups, const std::vector<RunCurve>& curves) {
  std::string charts;
  for (const RunCurve& curve : curves) charts += Draw(groups, curve);
  return charts.empty() ? "" : "<div class=\"charts\">" + charts + "</div>\n";
}

bool HasGold(std::span<const RunGroup> groups) {
  return std::any_of(groups.begin(), groups.end(), [](const RunGroup& group) {
    return std::any_of(group.runs.begin(), group.runs.end(), [](const RecordedRun& run) {
      const StageLog* log = FindStage(run.log, "rl");
      return log != nullptr && !log->Get("gold").empty();
    });
  });
}

}  // namespace

std::string RunCharts(std::span<const RunGroup> groups) {
  std::string html;
  if (HasGold(groups)) {
    html += DrawAll(groups, {{"rl", "distance", "gold", "True reward",
                              "over the distance from the starting policy, square root of KL"},
                             {"rl", "distance", "promised", "Promised reward",
                              "what the reward models make of the same replies"}});
  } else {
    html += DrawAll(
        groups, {{"rl", "", "reward", "Reward", "mean over scored episodes"},
                 {"rl", "", "correct", "Right answers", "share of episodes with the full reward",
                  false, ChartUnit::kPercent, 0.0}});
  }
  html += DrawAll(groups, {{"rl", "", "length", "Length", "sampled tokens per episode", true},
                           {"rl", "", "entropy", "Entropy", "nats per sampled token", true},
                           {"rl", "", "distance", "Distance",
                            "from the starting policy, square root of KL", true}});
  html += DrawAll(groups, {{"pretrain", "", "val_bpb", "Pretraining", "bits per byte, held out"},
                           {"sft", "", "val_loss", "Fine-tuning", "validation loss, nats"},
                           {"reward-model", "", "val_accuracy", "Reward model",
                            "right on held-out pairs", false, ChartUnit::kPercent}});
  return html;
}

}  // namespace agon::judge
