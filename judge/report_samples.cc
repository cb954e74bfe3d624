// Answers side by side, and what got better and worse. The filter is radio buttons and CSS:
// the page holds no script at all.
#include <algorithm>
#include <array>

#include "judge/report_parts.h"
#include "judge/text.h"

namespace agon::judge {
namespace {

constexpr size_t kShownPerChange = 12;
constexpr size_t kMaxSampleBytes = 4000;  // of one answer; samples.jsonl has all of it

struct ChangeStyle {
  const char* css;
  const char* label;
};
constexpr std::array<ChangeStyle, kNumChanges> kStyles = {{{"better", "got better"},
                                                           {"worse", "got worse"},
                                                           {"right", "both right"},
                                                           {"wrong", "both wrong"}}};

std::string Answer(const SampleRecord& sample, const std::string& model) {
  const std::string verdict = sample.correct ? "right" : "wrong";
  const std::string mark = sample.correct ? "✓" : "✗";
  std::string html = "<div class=\"answer\"><p class=\"who\"><span class=\"mark " + verdict +
                     "\">" + mark + "</span> " + EscapeHtml(model) + " <small>" +
                     std::to_string(sample.num_tokens) + " tokens" +
                     (sample.truncated ? ", cut" : "") + "</small></p><pre>" +
                     EscapeHtml(sample.completion, kMaxSampleBytes) + "</pre>";
  if (!sample.reason.empty()) {
    html += "<p class=\"fine\">" + EscapeHtml(sample.reason, 300) + "</p>";
  }
  return html + "</div>";
}

// A game has none.
std::string Gold(const SampleRecord& task) {
  if (task.answer.empty()) return "";
  return "<p class=\"gold\">Answer: <b>" + EscapeHtml(task.answer, 500) + "</b></p>";
}

std::string PairHtml(const SamplePair& pair, const ReportInput& input, size_t change) {
  const SampleRecord& task = *pair.before;
  std::string label = task.benchmark;
  if (!task.family.empty()) label += " · " + task.family;
  label += " · difficulty " + std::to_string(task.difficulty) + " · task " +
           std::to_string(task.task_index) + ", sample " + std::to_string(task.sample);
  return std::string("<details open class=\"sample ") + kStyles[change].css +
         "\"><summary><b class=\"tag " + kStyles[change].css + "\">" + kStyles[change].label +
         "</b> <small>" + EscapeHtml(label) + "</small></summary><p class=\"question\">" +
         EscapeHtml(task.prompt, kMaxSampleBytes) + "</p>" + Gold(task) + "<div class=\"two\">" +
         Answer(*pair.before, input.models.front().model) +
         Answer(*pair.after, input.models.back().model) + "</div></details>\n";
}

// Evenly over all pairs, so that no task or family is favoured.
std::vector<SamplePair> Choose(const std::vector<SamplePair>& pairs) {
  const size_t num_shown = std::min(pairs.size(), kShownPerChange);
  std::vector<SamplePair> chosen;
  for (size_t i = 0; i < num_shown; ++i) chosen.push_back(pairs[i * pairs.size() / num_shown]);
  return chosen;
}

std::string Confusion(const PairedSamples& paired, const ReportInput& input) {
  const size_t total = paired.size();
  const auto cell = [&](Change change, const char* css) {
    const size_t count = paired.Of(change).size();
    return std::string("<td class=\"") + css + "\"><b>" + std::to_string(count) + "</b><small>" +
           FormatPercent(static_cast<double>(count) / static_cast<double>(total)) + "</small></td>";
  };
  const std::string before = EscapeHtml(input.models.front().model);
  const std::string after = EscapeHtml(input.models.back().model);
  return "<table class=\"confusion\"><thead><tr><th></th><th>" + after + " right</th><th>" + after +
         " wrong</th></tr></thead><tbody><tr><th scope=\"row\">" + before + " right</th>" +
         cell(Change::kBothRight, "right") + cell(Change::kWorse, "worse") +
         "</tr><tr><th scope=\"row\">" + before + " wrong</th>" + cell(Change::kBetter, "better") +
         cell(Change::kBothWrong, "wrong") + "</tr></tbody></table>\n";
}

std::string FilterButtons(const PairedSamples& paired) {
  std::string inputs =
      "<input type=\"radio\" name=\"filter\" id=\"show-all\" checked>"
      "<label for=\"show-all\">all</label>";
  for (size_t i = 0; i < kStyles.size(); ++i) {
    const std::string id = std::string("show-") + kStyles[i].css;
    inputs += "<input type=\"radio\" name=\"filter\" id=\"" + id + "\"><label for=\"" + id + "\">" +
              kStyles[i].label + " <small>" + std::to_string(paired.pairs[i].size()) +
              "</small></label>";
  }
  return inputs;
}

}  // namespace

std::string HtmlSamples(const ReportInput& input) {
  if (input.models.size() < 2) return "";
  const PairedSamples paired = PairSamples(input.models.front(), input.models.back());
  const size_t total = paired.size();
  if (total == 0) return "";
  std::string html = "<h2>What got better, and what worse</h2>\n<p class=\"lead\">The same " +
                     std::to_string(total) + " tasks and samples, answered by both models.</p>\n" +
                     Confusion(paired, input) +
                     "<h2>Answers side by side</h2>\n<div class=\"filter\">" +
                     FilterButtons(paired) + "<div class=\"samples\">";
  std::array<std::vector<SamplePair>, kNumChanges> chosen;
  for (size_t i = 0; i < chosen.size(); ++i) chosen[i] = Choose(paired.pairs[i]);
  for (size_t row = 0; row < kShownPerChange; ++row) {
    for (size_t i = 0; i < chosen.size(); ++i) {
      if (row < chosen[i].size()) html += PairHtml(chosen[i][row], input, i);
    }
  }
  return html + "</div></div>\n<p class=\"fine\">At most " + std::to_string(kShownPerChange) +
         " of each kind, spread evenly; all of them are in samples.jsonl.</p>\n";
}

}  // namespace agon::judge
