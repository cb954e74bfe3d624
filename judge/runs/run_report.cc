#include "judge/runs/run_report.h"

#include <cmath>
#include <utility>

#include "core/align.h"
#include "core/json.h"
#include "judge/report_parts.h"
#include "judge/runs/run_charts.h"
#include "judge/text.h"

namespace agon::judge {
namespace {

std::string Show(const RunMeasure& measure, double value) {
  if (measure.is_share) return FormatPercent(value);
  return FormatNumber(value, std::fabs(value) < 10 ? 3 : 1);
}

std::string ShowDifference(const RunMeasure& measure, double value) {
  if (measure.is_share) return FormatPoints(value);
  return (value > 0 ? "+" : "") + Show(measure, value);
}

template <typename Format>
std::string Interval(const Estimate& estimate, const Format& format) {
  if (!std::isfinite(estimate.ci_low)) return "";
  return "[" + format(estimate.ci_low) + ", " + format(estimate.ci_high) + "]";
}

// A group's mean, and how far that is from the first group's.
struct MeasureCell {
  std::string value, interval, difference, difference_interval;
  Finding finding = Finding::kUnclear;

  std::string Text(const char* gap) const {
    std::string text = value;
    if (!interval.empty()) text += " " + interval;
    if (!difference.empty()) text += gap + difference;
    if (!difference_interval.empty()) text += " " + difference_interval;
    return text;
  }
};

MeasureCell MeasureCellOf(const RunMeasure& measure, const MeasureOfGroup& group) {
  const auto show = [&](double value) { return Show(measure, value); };
  const auto show_difference = [&](double value) { return ShowDifference(measure, value); };
  MeasureCell cell;
  cell.value = show(group.mean.value);
  cell.interval = Interval(group.mean, show);
  const Estimate& difference = group.difference;
  if (!std::isfinite(difference.value)) return cell;
  cell.difference = show_difference(difference.value);
  cell.difference_interval = Interval(difference, show_difference);
  if (difference.ci_low > 0 || difference.ci_high < 0) {
    const bool is_better = (difference.ci_low > 0) == (measure.better > 0);
    if (measure.better != 0) cell.finding = is_better ? Finding::kBetter : Finding::kWorse;
  }
  return cell;
}

std::string Explanation(const RunComparison& comparison) {
  const std::string first = comparison.groups[0].name;
  return "Means over runs with 95 % intervals by Student's t; below them the difference to " +
         first +
         ", over seeds that both have, run by run, not adjusted for how many there are. Best is "
         "the "
         "highest mean over " +
         std::to_string(kBestSteps) + " steps, the end the last tenth of the steps, at most ten.";
}

std::string HtmlMeasures(const RunComparison& comparison) {
  std::string html = "<table class=\"metrics\"><thead><tr><th></th>";
  const size_t n = comparison.groups.size();
  for (size_t g = 0; g < n; ++g) {
    const RunGroup& group = comparison.groups[g];
    html += "<th><b class=\"" + ToneOf(g, n) + "\">" + EscapeHtml(group.name) + "</b><br>" +
            Counted(group.runs.size(), "run") + "</th>";
  }
  html += "</tr></thead><tbody>\n";
  for (const RunMeasure& measure : comparison.measures) {
    html += "<tr><th scope=\"row\">" + EscapeHtml(measure.name) + "</th>";
    for (const MeasureOfGroup& group : measure.groups) {
      const MeasureCell cell = MeasureCellOf(measure, group);
      html += "<td>" + cell.value + "<small>" + cell.interval + "</small>";
      if (!cell.difference.empty()) {
        html += std::string("<small class=\"tag ") + FindingName(cell.finding) + "\">" +
                cell.difference + " " + cell.difference_interval + "</small>";
      }
      html += "</td>";
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table>\n<p class=\"fine\">" + EscapeHtml(Explanation(comparison)) +
         "</p>\n";
}

std::string HtmlDifferences(const RunComparison& comparison) {
  std::string html = "<h2>What differs in the recipes</h2>\n";
  if (comparison.differences.empty()) return html + "<p>Nothing but what decides no result.</p>\n";
  html += "<table class=\"recipes\"><thead><tr><th>key</th>";
  for (const RunGroup& group : comparison.groups) {
    html += "<th class=\"text\">" + EscapeHtml(group.name) + "</th>";
  }
  html += "</tr></thead><tbody>\n";
  for (const RecipeDifference& difference : comparison.differences) {
    html += "<tr><th scope=\"row\">" + EscapeHtml(difference.key) + "</th>";
    for (const std::string& value : difference.values) {
      html += "<td class=\"text setting\">" + EscapeHtml(value, 300) + "</td>";
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table>\n";
}

std::string Title(const RunComparison& comparison) {
  std::string title;
  const size_t n = comparison.groups.size();
  for (size_t g = 0; g < n; ++g) {
    title += (g == 0 ? "" : g + 1 == n ? " and " : ", ") + comparison.groups[g].name;
  }
  return title;
}

}  // namespace

RunComparison CompareRuns(std::vector<RunGroup> groups) {
  RunComparison comparison{std::move(groups), {}, {}};
  comparison.measures = MeasuresOf(comparison.groups);
  comparison.differences = DifferencesOf(comparison.groups);
  return comparison;
}

std::string RunsHtml(const RunComparison& comparison) {
  std::string body = RunCharts(comparison.groups) + "<h2>What came out</h2>\n";
  body += HtmlMeasures(comparison) + HtmlDifferences(comparison) + "<dl class=\"facts\">";
  for (const RunGroup& group : comparison.groups) {
    std::string dirs;
    for (const RecordedRun& run : group.runs) {
      dirs += (dirs.empty() ? "" : "<br>") + EscapeHtml(run.dir.string()) + ", seed " +
              std::to_string(run.seed);
    }
    body += "<div><dt>" + EscapeHtml(group.name) + "</dt><dd>" + dirs + "</dd></div>";
  }
  return HtmlPage("runs side by side", Title(comparison), body + "</dl>\n");
}

std::string RunsMarkdown(const RunComparison& comparison) {
  std::string header = "| |", rule = "|---|";
  for (const RunGroup& group : comparison.groups) {
    header += " " + EscapeMarkdown(group.name) + " (" + Counted(group.runs.size(), "run") + ") |";
    rule += "---:|";
  }
  std::string text =
      "# " + EscapeMarkdown(Title(comparison)) + "\n\n" + header + "\n" + rule + "\n";
  for (const RunMeasure& measure : comparison.measures) {
    text += "| " + EscapeMarkdown(measure.name) + " |";
    for (const MeasureOfGroup& group : measure.groups) {
      text += " " + MeasureCellOf(measure, group).Text("; ") + " |";
    }
    text += "\n";
  }
  text += "\n" + EscapeMarkdown(Explanation(comparison)) +
          "\n\n## What differs in the recipes\n\n" + header + "\n" + rule + "\n";
  for (const RecipeDifference& difference : comparison.differences) {
    text += "| " + EscapeMarkdown(difference.key) + " |";
    for (const std::string& value : difference.values) {
      text += " " + EscapeMarkdown(value, 300) + " |";
    }
    text += "\n";
  }
  return text;
}

std::string RunsTable(const RunComparison& comparison) {
  std::vector<std::vector<std::string>> rows = {{""}};
  for (const RunGroup& group : comparison.groups) {
    rows[0].push_back(CleanText(group.name) + " (" + Counted(group.runs.size(), "run") + ")");
  }
  for (const RunMeasure& measure : comparison.measures) {
    std::vector<std::string> row = {CleanText(measure.name)}, below = {""};
    bool has_differences = false;
    for (const MeasureOfGroup& group : measure.groups) {
      const MeasureCell cell = MeasureCellOf(measure, group);
      row.push_back(cell.value + (cell.interval.empty() ? "" : " " + cell.interval));
      below.push_back(cell.difference +
                      (cell.difference_interval.empty() ? "" : " " + cell.difference_interval));
      has_differences |= !cell.difference.empty();
    }
    rows.push_back(std::move(row));
    if (has_differences) rows.push_back(std::move(below));
  }
  return AlignColumns(rows, [](size_t column) { return column == 0; });
}

std::string RunsJson(const RunComparison& comparison) {
  Json groups = Json::array();
  for (size_t g = 0; g < comparison.groups.size(); ++g) {
    const RunGroup& group = comparison.groups[g];
    Json of{{"name", CleanText(group.name)}, {"runs", Json::array()}, {"measures", Json::object()}};
    for (const RecordedRun& run : group.runs) {
      of["runs"].push_back({{"dir", CleanText(run.dir.string())}, {"seed", run.seed}});
    }
    for (const RunMeasure& measure : comparison.measures) {
      const MeasureOfGroup& measured = measure.groups[g];
      Json values = Json::array();
      for (const auto& value : measured.values) values.push_back(value ? Json(*value) : Json());
      const auto interval = [](const Estimate& estimate) {
        return Json{{"value", estimate.value}, {"ci95", {estimate.ci_low, estimate.ci_high}}};
      };
      of["measures"][measure.name] = {{"values", std::move(values)},
                                      {"mean", interval(measured.mean)},
                                      {"difference", interval(measured.difference)}};
    }
    groups.push_back(std::move(of));
  }
  Json recipes = Json::object();
  for (const RecipeDifference& difference : comparison.differences) {
    recipes[difference.key] = difference.values;
  }
  return Json{{"format", 1}, {"groups", std::move(groups)}, {"recipes", std::move(recipes)}}.dump(
             2, ' ', false, Json::error_handler_t::replace) +
         "\n";
}

}  // namespace agon::judge
