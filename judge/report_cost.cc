// What it took: time, tokens, and tokens for each right answer.
#include <cmath>

#include "core/progress.h"
#include "judge/report_parts.h"
#include "judge/text.h"

namespace agon::judge {
namespace {

std::string Row(const std::string& name, const std::string& model, const BenchmarkCost& cost) {
  const auto cell = [](const std::string& text) { return "<td>" + text + "</td>"; };
  const bool timed = std::isfinite(cost.seconds) && cost.seconds > 0;
  const auto tokens = static_cast<double>(cost.num_tokens);
  return "<tr><th scope=\"row\">" + EscapeHtml(name) + "</th><td class=\"text\">" +
         EscapeHtml(model) + "</td>" + cell(std::to_string(cost.num_samples)) +
         cell(FormatCount(tokens)) + cell(timed ? FormatDuration(cost.seconds) : "–") +
         cell(timed ? FormatShort(tokens / cost.seconds) : "–") +
         cell(cost.num_correct > 0 ? FormatShort(static_cast<double>(cost.num_graded_tokens) /
                                                 static_cast<double>(cost.num_correct))
                                   : "–") +
         "</tr>\n";
}

}  // namespace

std::string HtmlCost(const ReportInput& input) {
  if (input.models.empty()) return "";
  std::string rows, totals;
  for (const EvalResult& model : input.models) {
    BenchmarkCost total;
    for (const BenchmarkRun& run : model.benchmarks) {
      const BenchmarkCost cost = CostOf(model, run);
      total += cost;
      if (model.benchmarks.size() > 1) rows += Row(run.name, model.model, cost);
    }
    totals += Row("all", model.model, total);
  }
  const std::string head =
      "<table class=\"cost\"><thead><tr><th>benchmark</th><th class=\"text\">model</th>"
      "<th>answers</th><th>tokens</th><th>time</th><th>tokens/s</th><th>tokens per right answer"
      "</th></tr></thead><tbody>\n";
  std::string html = "<h2>What it took</h2>\n" + head + totals + "</tbody></table>\n";
  if (!rows.empty()) {
    html += "<details class=\"more\"><summary>By benchmark</summary>" + head + rows +
            "</tbody></table></details>\n";
  }
  return html +
         "<p class=\"fine\">Sampled tokens, of choices and texts the scored ones. Time is that of "
         "computing, also of what came from the cache.</p>\n";
}

}  // namespace agon::judge
