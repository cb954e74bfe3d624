// Scores with their intervals: per family, per k, and as a table.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "judge/charts.h"
#include "judge/metrics.h"
#include "judge/report_parts.h"
#include "judge/text.h"

namespace agon::judge {
namespace {

std::string BreakdownPlot(const ReportInput& input, const std::string& benchmark) {
  const size_t num_models = input.models.size();
  const EvalResult& last = input.models.back();
  const Metric* headline = HeadlineOf(last, benchmark);
  if (headline == nullptr || !TraitsOf(headline->metric).is_share) return "";
  TrackPlot plot;
  plot.title = headline->metric + " by kind of problem";
  plot.note = "bars are 95 % intervals";
  bool seen_difficulty = false;
  for (const Metric& metric : last.metrics) {
    const std::string prefix = headline->metric + "/";
    if (metric.benchmark != benchmark || !metric.metric.starts_with(prefix)) continue;
    std::string label = metric.metric.substr(prefix.size());
    const bool is_difficulty = label.starts_with("difficulty=");
    if (label.starts_with("family=")) label = label.substr(7);
    std::replace(label.begin(), label.end(), is_difficulty ? '=' : '_', ' ');
    if (is_difficulty && !seen_difficulty && !plot.rows.empty()) {
      plot.rows.push_back({});  // a gap between the two breakdowns
    }
    seen_difficulty |= is_difficulty;
    TrackRow row{label, "n = " + std::to_string(metric.n), {}, FormatPercent(metric.value, 0), ""};
    for (size_t i = 0; i < num_models; ++i) {
      const Metric* found = FindMetric(input.models[i], benchmark, metric.metric);
      if (found == nullptr) continue;
      row.points.push_back({found->value, found->ci_low, found->ci_high, ToneOf(i, num_models),
                            input.models[i].model + " " + FormatPercent(found->value)});
    }
    plot.rows.push_back(std::move(row));
  }
  for (size_t i = 0; i < num_models && num_models > 1; ++i) {
    plot.legend.emplace_back(ToneOf(i, num_models), input.models[i].model);
  }
  return RenderTrackPlot(plot);
}

std::string PassAtChart(const ReportInput& input, const std::string& benchmark) {
  LineChart chart;
  chart.title = "pass@k";
  chart.note = "solved by at least one of k samples; unbiased, 95 % intervals";
  chart.x_label = "k";
  chart.unit = ChartUnit::kPercent;
  chart.y_min = 0.0;
  chart.y_max = 1.0;
  size_t num_points = 0;
  for (size_t i = 0; i < input.models.size(); ++i) {
    ChartSeries series;
    series.label = input.models[i].model;
    series.tone = ToneOf(i, input.models.size());
    series.markers = true;
    for (const Metric& metric : input.models[i].metrics) {
      if (metric.benchmark != benchmark || !metric.metric.starts_with("pass@")) continue;
      int k = 0;
      const char* end = metric.metric.data() + metric.metric.size();
      if (std::from_chars(metric.metric.data() + 5, end, k).ptr != end) continue;
      series.points.push_back(
          {static_cast<double>(k), metric.value, metric.ci_low, metric.ci_high});
    }
    num_points = std::max(num_points, series.points.size());
    chart.series.push_back(std::move(series));
  }
  return num_points > 1 ? RenderLineChart(chart) : "";
}

std::string MetricRow(const ReportInput& input, const Metric& metric) {
  std::string html = "<tr><th scope=\"row\">" + EscapeHtml(metric.metric) + "</th>";
  for (const EvalResult& model : input.models) {
    const Metric* found = FindMetric(model, metric.benchmark, metric.metric);
    html += "<td>";
    if (found != nullptr) {
      html += MetricText(metric.metric, found->value);
      if (const std::string interval = IntervalText(*found); !interval.empty()) {
        html += "<small>" + interval + "</small>";
      }
    }
    html += "</td>";
  }
  if (input.comparisons.empty()) return html + "<td>" + std::to_string(metric.n) + "</td></tr>\n";
  html += "<td>";
  if (const Comparison* found =
          FindComparison(input, metric.benchmark, metric.metric, input.models.back().model)) {
    const std::string interval = IntervalText(*found);
    html += "<b>" + DifferenceText(metric.metric, found->diff) + "</b><small>" + interval +
            (interval.empty() ? "" : "<br>") + EscapeHtml(PText(found->p_value)) + "</small>";
  }
  return html + "</td><td>" + std::to_string(metric.n) + "</td></tr>\n";
}

std::string MetricTable(const ReportInput& input, const std::string& benchmark, bool breakdown) {
  std::string rows;
  for (const Metric& metric : input.models.back().metrics) {
    if (metric.benchmark == benchmark && SplitMetricName(metric.metric).is_breakdown() == breakdown)
      rows += MetricRow(input, metric);
  }
  if (rows.empty()) return "";
  std::string html = "<table class=\"metrics\"><thead><tr><th>metric</th>";
  for (const EvalResult& model : input.models) html += "<th>" + EscapeHtml(model.model) + "</th>";
  if (!input.comparisons.empty()) html += "<th>difference</th>";
  return html + "<th>tasks</th></tr></thead><tbody>\n" + rows + "</tbody></table>\n";
}

std::string BenchmarkSection(const ReportInput& input, const std::string& benchmark) {
  const std::string chart = PassAtChart(input, benchmark);
  const std::string table = MetricTable(input, benchmark, /*breakdown=*/false);
  const std::string breakdown = MetricTable(input, benchmark, /*breakdown=*/true);
  std::string html;
  html += chart.empty() ? table
                        : "<div class=\"charts\">" + chart + "<div class=\"wide\">" + table +
                              "</div></div>\n";
  html += BreakdownPlot(input, benchmark);
  if (!breakdown.empty()) {
    html += "<details class=\"more\"><summary>The same in numbers</summary>" + breakdown +
            "</details>\n";
  }
  return html;
}

}  // namespace

std::string HtmlEvaluation(const ReportInput& input) {
  if (input.models.empty()) return "";
  const auto& runs = input.models.back().benchmarks;
  std::string html = runs.size() > 1 ? "<h2>All numbers</h2>\n" : "";
  for (const BenchmarkRun& run : runs) {
    const std::string section = BenchmarkSection(input, run.name);
    const std::string name = EscapeHtml(run.name);
    html += runs.size() == 1
                ? "<h2>Evaluation: " + name + "</h2>\n<p class=\"fine\">" +
                      EscapeHtml(run.settings) + "</p>\n" + section
                : "<details class=\"tasks\"><summary>" + name + "</summary><p class=\"fine\">" +
                      EscapeHtml(run.settings) + "</p>\n" + section + "</details>\n";
  }
  return html +
         "<p class=\"fine\">Tasks are held out from training. In brackets: 95 % intervals from "
         "standard errors clustered by task (Student’s t, tasks − 1 degrees of freedom); "
         "differences are paired by task, shares in percentage points. Masked episodes, whose "
         "grader failed, are counted but not scored.</p>\n";
}

}  // namespace agon::judge
