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

bool IsShare(const std::string& metric) {
  return metric.starts_with("pass@") || metric == "truncated";
}

std::string Value(const std::string& metric, double value) {
  return IsShare(metric) ? FormatPercent(value) : FormatShort(value);
}

std::optional<ChartPoint> Point(const EvalResult& model, const Metric& metric) {
  const Metric* found = FindMetric(model, metric.suite, metric.metric);
  if (found == nullptr || !std::isfinite(found->value)) return std::nullopt;
  return ChartPoint{0, found->value, found->ci_low, found->ci_high};
}

std::string BreakdownPlot(const ReportInput& input, const std::string& suite) {
  const bool paired = input.models.size() > 1;
  const EvalResult& after = input.models.back();
  DotPlot plot;
  plot.title = "pass@1 by kind of problem";
  plot.note = "bars are 95 % intervals";
  plot.before_label = paired ? input.models.front().model : "";
  plot.after_label = after.model;
  for (const Metric& metric : after.metrics) {
    constexpr std::string_view kPrefix = "pass@1/";
    if (metric.suite != suite || !metric.metric.starts_with(kPrefix)) continue;
    std::string label = metric.metric.substr(kPrefix.size());
    const bool is_difficulty = label.starts_with("difficulty=");
    if (label.starts_with("family=")) label = label.substr(7);
    std::replace(label.begin(), label.end(), is_difficulty ? '=' : '_', ' ');
    if (is_difficulty && !plot.rows.empty() && !plot.rows.back().label.starts_with("difficulty ")) {
      plot.rows.push_back({});  // a gap between the two breakdowns
    }
    DotRow row{label, "n = " + std::to_string(metric.n), std::nullopt, Point(after, metric)};
    if (paired) row.before = Point(input.models.front(), metric);
    plot.rows.push_back(std::move(row));
  }
  return RenderDotPlot(plot);
}

std::string PassAtChart(const ReportInput& input, const std::string& suite) {
  LineChart chart;
  chart.title = "pass@k";
  chart.note = "solved by at least one of k samples; unbiased, 95 % intervals";
  chart.x_label = "k";
  chart.unit = ChartUnit::kPercent;
  chart.y_min = 0.0;
  chart.y_max = 1.0;
  size_t num_points = 0;
  for (size_t i = 0; i < input.models.size(); ++i) {
    const bool last = i + 1 == input.models.size();
    ChartSeries series;
    series.label = input.models[i].model;
    series.tone = last ? "after" : i == 0 ? "before" : "third";
    series.markers = true;
    for (const Metric& metric : input.models[i].metrics) {
      if (metric.suite != suite || !metric.metric.starts_with("pass@")) continue;
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
    const Metric* found = FindMetric(model, metric.suite, metric.metric);
    html += "<td>";
    if (found != nullptr) {
      html += Value(metric.metric, found->value);
      if (found->ci_high > found->ci_low) {
        html += "<small>[" + Value(metric.metric, found->ci_low) + ", " +
                Value(metric.metric, found->ci_high) + "]</small>";
      }
    }
    html += "</td>";
  }
  if (input.comparisons.empty()) return html + "<td>" + std::to_string(metric.n) + "</td></tr>\n";
  html += "<td>";
  if (const Comparison* found = FindComparison(input, metric.suite, metric.metric)) {
    const auto format = [&](double value) {
      return IsShare(metric.metric.substr(0, metric.metric.find('/'))) ? FormatPoints(value)
                                                                       : FormatShort(value);
    };
    html += "<b>" + format(found->diff) + "</b><small>[" + format(found->ci_low) + ", " +
            format(found->ci_high) + "]</small>";
  }
  return html + "</td><td>" + std::to_string(metric.n) + "</td></tr>\n";
}

bool IsBreakdown(const Metric& metric) { return metric.metric.find('/') != std::string::npos; }

std::string MetricTable(const ReportInput& input, const std::string& suite, bool breakdown) {
  std::string rows;
  for (const Metric& metric : input.models.back().metrics) {
    if (metric.suite == suite && IsBreakdown(metric) == breakdown) rows += MetricRow(input, metric);
  }
  if (rows.empty()) return "";
  std::string html = "<table class=\"metrics\"><thead><tr><th>metric</th>";
  for (const EvalResult& model : input.models) html += "<th>" + EscapeHtml(model.model) + "</th>";
  if (!input.comparisons.empty()) html += "<th>difference</th>";
  return html + "<th>tasks</th></tr></thead><tbody>\n" + rows + "</tbody></table>\n";
}

std::string SuiteSection(const ReportInput& input, const std::string& suite) {
  const std::string chart = PassAtChart(input, suite);
  const std::string table = MetricTable(input, suite, /*breakdown=*/false);
  const std::string breakdown = MetricTable(input, suite, /*breakdown=*/true);
  std::string html = "<h2>Evaluation: " + EscapeHtml(suite) + "</h2>\n";
  html += chart.empty() ? table
                        : "<div class=\"charts\">" + chart + "<div class=\"wide\">" + table +
                              "</div></div>\n";
  html += BreakdownPlot(input, suite);
  if (!breakdown.empty()) {
    html += "<details class=\"more\"><summary>The same in numbers</summary>" + breakdown +
            "</details>\n";
  }
  return html;
}

}  // namespace

std::string HtmlEvaluation(const ReportInput& input) {
  if (input.models.empty()) return "";
  std::string html;
  for (const std::string& suite : SuitesOf(input.models.back())) {
    html += SuiteSection(input, suite);
  }
  return html +
         "<p class=\"fine\">Tasks are held out from training. In brackets: 95 % intervals from "
         "standard errors clustered by task (Student’s t, tasks − 1 degrees of freedom); "
         "differences are paired by task, shares in percentage points. Masked episodes, whose "
         "grader failed, are counted but not scored.</p>\n";
}

}  // namespace agon::judge
