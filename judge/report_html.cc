// report.html: one file, no script, nothing fetched. The content policy in its head makes
// a browser hold it to that even if something slipped through the escaping.
#include <cmath>

#include "judge/metrics.h"
#include "judge/report_parts.h"
#include "judge/text.h"

namespace agon::judge {
namespace {

constexpr const char* kContentPolicy =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

std::string BigNumber(const std::string& name, const std::string& before, const std::string& after,
                      const std::string& change) {
  std::string html =
      "<div class=\"headline\"><p class=\"name\">" + EscapeHtml(name) + "</p><p class=\"numbers\">";
  if (!before.empty()) {
    html += "<span class=\"before\">" + before + "</span><span class=\"to\">→</span>";
  }
  html += "<span class=\"after\">" + after + "</span></p>";
  if (!change.empty()) html += "<p class=\"change\">" + change + "</p>";
  return html + "</div>\n";
}

std::string Headline(const ReportInput& input, const std::string& benchmark,
                     const std::string& metric, const std::string& name, bool share) {
  const EvalResult& last = input.models.back();
  const Metric* after = FindMetric(last, benchmark, metric);
  if (after == nullptr) return "";
  const auto format = [&](double value) {
    return share ? FormatPercent(value) : FormatNumber(value, 1);
  };
  const auto format_change = [&](double value) {
    return share ? FormatPoints(value) : (value > 0 ? "+" : "") + FormatNumber(value, 1);
  };
  const Metric* before =
      input.models.size() > 1 ? FindMetric(input.models.front(), benchmark, metric) : nullptr;
  std::string change;
  if (const Comparison* comparison = FindComparison(input, benchmark, metric, last.model)) {
    change = "<b>" + format_change(comparison->diff) + (share ? " points" : " tokens") + "</b>";
    if (std::isfinite(comparison->ci_low)) {
      change += " [" + format_change(comparison->ci_low) + ", " +
                format_change(comparison->ci_high) + "]";
    }
  } else if (std::isfinite(after->ci_low)) {
    change = "[" + format(after->ci_low) + ", " + format(after->ci_high) + "]";
  }
  return BigNumber(name, before ? format(before->value) : "", format(after->value), change);
}

// The one sentence that a reader takes along.
std::string Summary(const ReportInput& input, const std::string& benchmark) {
  const Metric* after = FindMetric(input.models.back(), benchmark, "pass@1");
  if (after == nullptr) return "";
  std::string html = "<p class=\"lead\">On <b>" + std::to_string(after->n) +
                     "</b> held-out tasks of <b>" + EscapeHtml(benchmark) + "</b>, <b>" +
                     EscapeHtml(input.models.back().model) + "</b> answers <b>" +
                     FormatPercent(after->value) + "</b> right at the first attempt";
  const Metric* before =
      input.models.size() > 1 ? FindMetric(input.models.front(), benchmark, "pass@1") : nullptr;
  if (before != nullptr) {
    html += "; <b>" + EscapeHtml(input.models.front().model) + "</b> answered " +
            FormatPercent(before->value);
  }
  return html + ".</p>\n";
}

std::string Headlines(const ReportInput& input) {
  if (input.models.empty()) return "";
  // Several benchmarks have their plots instead.
  if (input.models.back().benchmarks.size() != 1) return "";
  const std::string& benchmark = input.models.back().benchmarks[0].name;
  const std::string boxes =
      Headline(input, benchmark, "pass@1", "right at the first attempt", true) +
      Headline(input, benchmark, "length", "tokens per response", false) +
      Headline(input, benchmark, "truncated", "cut by the length limit", true);
  if (boxes.empty()) return "";
  return (input.models.size() < 2 ? Summary(input, benchmark) : "") + "<div class=\"headlines\">" +
         boxes + "</div>\n";
}

std::string Facts(const ReportInput& input) {
  if (input.facts.empty()) return "";
  std::string html = "<dl class=\"facts\">";
  for (const auto& [name, value] : input.facts) {
    html += "<div><dt>" + EscapeHtml(name) + "</dt><dd>" + EscapeHtml(value) + "</dd></div>";
  }
  return html + "</dl>\n";
}

}  // namespace

std::string HtmlPage(const std::string& kind, const std::string& title, const std::string& body) {
  return std::string(
             "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
             "<meta http-equiv=\"Content-Security-Policy\" content=\"") +
         kContentPolicy +
         "\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "<meta name=\"color-scheme\" content=\"light dark\">\n<title>" +
         EscapeHtml(title) + "</title>\n<style>" + ReportStyle() +
         "</style></head>\n<body><main>\n<header><p class=\"kicker\">agon · " + EscapeHtml(kind) +
         "</p><h1>" + EscapeHtml(title) + "</h1></header>\n" + body + "</main></body></html>\n";
}

std::string ReportHtml(const ReportInput& input, const RunLogs& logs) {
  const TaskAnchors anchors(input);
  const char* kind = input.run_log             ? "run report"
                     : input.models.size() > 1 ? "comparison"
                                               : "evaluation";
  return HtmlPage(kind, input.title,
                  HtmlOverview(input) + Headlines(input) + HtmlKnowledge(logs) +
                      HtmlLearnedReward(logs) + HtmlRewardModels(logs) + HtmlCurves(logs) +
                      HtmlStages(logs) + HtmlCheese(input, anchors) + HtmlEvaluation(input) +
                      HtmlSamples(input) + HtmlTasks(input) + HtmlCost(input) + Facts(input));
}

}  // namespace agon::judge
