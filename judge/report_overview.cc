// The first screen: is it better, by how much, how sure, and at what.
#include <algorithm>
#include <array>
#include <cmath>

#include "core/progress.h"
#include "judge/charts.h"
#include "judge/metrics.h"
#include "judge/report_parts.h"
#include "judge/significance.h"
#include "judge/text.h"

namespace agon::judge {
namespace {

std::string Bold(const std::string& text) { return "<b>" + EscapeHtml(text) + "</b>"; }

std::string Points(std::string_view metric) { return TraitsOf(metric).is_share ? " points" : ""; }

// What an unclear result means: how large a difference would have been seen.
std::string Power(const Comparison& c) {
  if (!std::isfinite(c.min_effect)) return "";
  std::string html = " A difference of <b>" +
                     (TraitsOf(c.metric).is_share ? FormatNumber(100 * c.min_effect, 1)
                                                  : FormatShort(c.min_effect)) +
                     Points(c.metric) + "</b> would have been found with a probability of 80 %";
  if (c.tasks_needed > c.n) {
    html += "; for one as small as this it takes about " +
            (c.tasks_needed < 10000 ? std::to_string(c.tasks_needed)
                                    : FormatCount(static_cast<double>(c.tasks_needed))) +
            " tasks instead of " + std::to_string(c.n);
  }
  return html + ".";
}

// One benchmark.
std::string OfOneBenchmark(const ReportInput& input, const Conclusion& conclusion) {
  const Comparison& c = *conclusion.headlines[0];
  const Metric* before = FindMetric(input.models.front(), c.benchmark, c.metric);
  const Metric* after = FindMetric(input.models.back(), c.benchmark, c.metric);
  std::string html = "On " + Counted(static_cast<size_t>(c.n), "held-out task") + " of " +
                     Bold(c.benchmark) + " " + EscapeHtml(c.metric) + " went from " +
                     (before ? MetricText(c.metric, before->value) : "–") + " to " +
                     (after ? MetricText(c.metric, after->value) : "–") + ", " +
                     DifferenceText(c.metric, c.diff) + Points(c.metric);
  if (const std::string interval = IntervalText(c); !interval.empty()) html += " " + interval;
  if (const std::string p = PText(c.p_value); !p.empty()) html += ", " + EscapeHtml(p);
  html += ".";
  if (conclusion.finding == Finding::kUnclear) html += Power(c);
  return html;
}

std::string Names(std::span<const Comparison* const> comparisons, Finding finding) {
  std::string names;
  size_t count = 0;
  for (const Comparison* c : comparisons) {
    if (FindingOf(*c) != finding) continue;
    if (++count > 6) continue;
    names += (names.empty() ? "" : ", ") + EscapeHtml(c->benchmark);
  }
  if (count > 6) names += " and " + std::to_string(count - 6) + " more";
  return names;
}

// Several benchmarks: the mean, and where it comes from.
std::string OfSeveral(const Conclusion& conclusion) {
  std::string html;
  if (conclusion.mean) {
    html += conclusion.MeanText();
    if (const std::string p = PText(conclusion.mean_p); !p.empty()) html += ", " + EscapeHtml(p);
    html += ". ";
    const double smallest = MinimumDetectableEffect(conclusion.mean->stderr_);
    if (conclusion.finding == Finding::kUnclear && std::isfinite(smallest)) {
      html += "A mean difference of " + FormatNumber(100 * smallest, 1) +
              " points would have been found with a probability of 80 %. ";
    }
  }
  const auto names = [&](Finding finding) { return Names(conclusion.headlines, finding); };
  if (conclusion.Count(Finding::kBetter) > 0) {
    html += "<b>Better</b> at " + names(Finding::kBetter) + ". ";
  }
  if (conclusion.Count(Finding::kWorse) > 0) {
    html += "<b>Worse</b> at " + names(Finding::kWorse) + ". ";
  }
  if (const size_t unclear = conclusion.Count(Finding::kUnclear); unclear > 0) {
    html += "No clear difference at " +
            (unclear == conclusion.headlines.size() ? "any" : std::to_string(unclear)) + ". ";
  }
  return html;
}

std::string VerdictHtml(const ReportInput& input) {
  const Conclusion conclusion = ConclusionOf(input);
  if (conclusion.headlines.empty()) return "";
  return "<p class=\"verdict " + std::string(FindingName(conclusion.finding)) + "\">" +
         conclusion.Sentence(Bold(input.models.front().model), Bold(input.models.back().model)) +
         ".</p>\n<p class=\"lead\">" +
         (conclusion.headlines.size() == 1 ? OfOneBenchmark(input, conclusion)
                                           : OfSeveral(conclusion)) +
         "</p>\n";
}

// A scale that holds all intervals of differences, the same to both sides of zero.
double Reach(std::span<const Comparison* const> comparisons) {
  double reach = 0.02;
  for (const Comparison* c : comparisons) {
    for (const double end : {c->diff, c->ci_low, c->ci_high}) {
      if (std::isfinite(end)) reach = std::max(reach, std::abs(end));
    }
  }
  return std::min(1.0, reach * 1.05);
}

// What a point of the plot says when it is pointed at.
std::string PointLabel(const Comparison& c) {
  std::string label = c.b + " " + DifferenceText(c.metric, c.diff);
  if (const std::string interval = IntervalText(c); !interval.empty()) label += " " + interval;
  const std::string p = PText(c.p_adjusted);
  return p.empty() ? label : label + ", " + p + " after correction";
}

// Differences of shares with their intervals, a row for each benchmark, a point for each model.
std::string DifferencePlot(const ReportInput& input) {
  TrackPlot plot;
  plot.title = "Difference to " + input.models.front().model;
  plot.note =
      "percentage points, with 95 % intervals; in colour where it is clear after Holm’s "
      "correction over all rows";
  plot.has_zero_line = true;
  std::vector<const Comparison*> all;
  const bool is_pair = input.models.size() == 2;
  for (const BenchmarkRun& run : input.models.front().benchmarks) {
    const Metric* metric = HeadlineOf(input.models.front(), run.name);
    if (metric == nullptr || !TraitsOf(metric->metric).is_share) continue;
    TrackRow row{run.name, metric->metric, {}, "", ""};
    for (size_t i = 1; i < input.models.size(); ++i) {
      const Comparison* c = FindComparison(input, run.name, metric->metric, input.models[i].model);
      if (c == nullptr) continue;
      all.push_back(c);
      const std::string finding = FindingName(FindingOf(*c));
      row.points.push_back({c->diff, c->ci_low, c->ci_high,
                            is_pair ? finding : ToneOf(i, input.models.size()), PointLabel(*c)});
      if (i + 1 < input.models.size()) continue;
      row.value = DifferenceText(c->metric, c->diff);
      row.value_tone = finding;
    }
    plot.rows.push_back(std::move(row));
  }
  if (!is_pair) {
    for (size_t i = 1; i < input.models.size(); ++i) {
      plot.legend.emplace_back(ToneOf(i, input.models.size()), input.models[i].model);
    }
  }
  plot.high = Reach(all);
  plot.low = -plot.high;
  return RenderTrackPlot(plot);
}

std::string ScorePlot(const ReportInput& input) {
  TrackPlot plot;
  plot.title = "Scores";
  plot.note = "headline metric of each benchmark, with 95 % intervals";
  for (const BenchmarkRun& run : input.models.back().benchmarks) {
    const Metric* metric = HeadlineOf(input.models.back(), run.name);
    if (metric == nullptr || !TraitsOf(metric->metric).is_share) continue;
    TrackRow row{run.name, metric->metric, {}, MetricText(metric->metric, metric->value), "after"};
    for (size_t i = 0; i < input.models.size(); ++i) {
      const Metric* found = FindMetric(input.models[i], run.name, metric->metric);
      if (found == nullptr) continue;
      row.points.push_back({found->value, found->ci_low, found->ci_high,
                            ToneOf(i, input.models.size()),
                            input.models[i].model + " " + MetricText(found->metric, found->value) +
                                " " + IntervalText(*found)});
    }
    plot.rows.push_back(std::move(row));
  }
  for (size_t i = 0; i < input.models.size() && input.models.size() > 1; ++i) {
    plot.legend.emplace_back(ToneOf(i, input.models.size()), input.models[i].model);
  }
  return RenderTrackPlot(plot);
}

// A single model: how good it is, at what best and worst.
std::string SingleModelVerdict(const EvalResult& model) {
  std::vector<const Metric*> shares;
  for (const BenchmarkRun& run : model.benchmarks) {
    const Metric* metric = HeadlineOf(model, run.name);
    if (metric && TraitsOf(metric->metric).is_share && metric->n > 0) shares.push_back(metric);
  }
  if (shares.size() < 2) return "";
  std::vector<Estimate> estimates;
  for (const Metric* m : shares) {
    estimates.push_back({m->value, m->stderr_, m->ci_low, m->ci_high, m->n});
  }
  const Estimate mean = MeanOfEstimates(estimates);
  const auto by_value = [](const Metric* a, const Metric* b) { return a->value < b->value; };
  const Metric* best = *std::max_element(shares.begin(), shares.end(), by_value);
  const Metric* worst = *std::min_element(shares.begin(), shares.end(), by_value);
  return "<p class=\"verdict\">" + Bold(model.model) + " scores " + FormatPercent(mean.value) +
         " on average.</p>\n<p class=\"lead\">Over " + Counted(shares.size(), "benchmark") +
         (std::isnan(mean.ci_low)
              ? ""
              : " [" + FormatPercent(mean.ci_low) + ", " + FormatPercent(mean.ci_high) + "]") +
         "; best at " + EscapeHtml(best->benchmark) + " (" + FormatPercent(best->value) +
         "), worst at " + EscapeHtml(worst->benchmark) + " (" + FormatPercent(worst->value) +
         ").</p>\n";
}

}  // namespace

std::string HtmlOverview(const ReportInput& input) {
  if (input.models.empty()) return "";
  const bool is_single_benchmark = input.models.back().benchmarks.size() < 2;
  if (input.models.size() < 2) {
    if (is_single_benchmark) return "";
    return SingleModelVerdict(input.models.back()) + ScorePlot(input);
  }
  std::string html = VerdictHtml(input);
  if (!is_single_benchmark || input.models.size() > 2) {
    html += DifferencePlot(input) + ScorePlot(input);
  }
  return html;
}

}  // namespace agon::judge
