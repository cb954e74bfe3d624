// What the model knows, what it made up before and after, and samples of both.
#include <algorithm>
#include <cmath>

#include "judge/report_parts.h"
#include "judge/text.h"

namespace agon::judge {
namespace {

constexpr size_t kShownPerClass = 8;
constexpr size_t kMaxReplyBytes = 300;

std::string TableCell(const std::string& html) { return "<td>" + html + "</td>"; }

std::string ShareCell(const Estimate& estimate) {
  const std::string text = FormatPercent(estimate.value);
  if (!std::isfinite(estimate.ci_low)) return TableCell(text);
  return TableCell(text + " <small>[" + FormatNumber(100 * estimate.ci_low, 1) + ", " +
                   FormatNumber(100 * estimate.ci_high, 1) + "]</small>");
}

std::string PointsCell(const Estimate& estimate) {
  const std::string text = FormatPoints(estimate.value);
  if (!std::isfinite(estimate.ci_low)) return TableCell(text);
  return TableCell(text + " <small>[" + FormatPoints(estimate.ci_low) + ", " +
                   FormatPoints(estimate.ci_high) + "]</small>");
}

std::string GroupRow(const KnowledgeGroup& group) {
  return "<tr><th scope=\"row\">" + EscapeHtml(group.name) + "</th>" +
         TableCell(std::to_string(group.num_questions)) + ShareCell(group.before.wrong) +
         ShareCell(group.after.wrong) + ShareCell(group.before.dont_know) +
         ShareCell(group.after.dont_know) + ShareCell(group.before.right) +
         ShareCell(group.after.right) + PointsCell(group.right_change) + "</tr>\n";
}

std::string GroupTable(const std::vector<KnowledgeGroup>& groups) {
  std::string html =
      "<table class=\"metrics\"><thead><tr><th>held-out questions</th><th>number</th>"
      "<th>made up, before</th><th>after</th><th>“I don't know”, before</th><th>after</th>"
      "<th>right, before</th><th>after</th><th>change, points</th></tr></thead><tbody>\n";
  for (const KnowledgeGroup& group : groups) html += GroupRow(group);
  return html + "</tbody></table>\n";
}

// Text that wraps, with a note below it.
std::string Said(const std::string& text, const std::string& note = "") {
  return "<td class=\"text said\">" + EscapeHtml(text, kMaxReplyBytes) +
         (note.empty() ? "" : "<small>" + note + "</small>") + "</td>";
}

// Evenly over all of a class.
std::string SampleRows(const Knowledge& knowledge, FactClass wanted, const std::string& name) {
  std::vector<const HeldOutFact*> facts;
  for (const HeldOutFact& fact : knowledge.held_out) {
    if (fact.known == wanted) facts.push_back(&fact);
  }
  const size_t shown = std::min(facts.size(), kShownPerClass);
  std::string html;
  for (size_t i = 0; i < shown; ++i) {
    const HeldOutFact& fact = *facts[i * facts.size() / shown];
    html += "<tr>" + Said(fact.question, name) + Said(fact.answer) + Said(fact.example_before) +
            Said(fact.example_after) + "</tr>\n";
  }
  return html;
}

std::string SampleTable(const Knowledge& knowledge) {
  return "<h3>What it said</h3>\n<table class=\"exploits\"><thead><tr><th class=\"text\">question"
         "</th><th class=\"text\">answer</th><th class=\"text\">reply before</th>"
         "<th class=\"text\">reply after</th></tr></thead><tbody>\n" +
         SampleRows(knowledge, FactClass::kNeverRight, "never right before") +
         SampleRows(knowledge, FactClass::kUnsure, "unsure before") +
         SampleRows(knowledge, FactClass::kKnown, "known before") + "</tbody></table>\n";
}

}  // namespace

std::string HtmlKnowledge(const RunLogs& logs) {
  const Knowledge& knowledge = logs.knowledge;
  if (knowledge.held_out.empty()) return "";
  const int64_t asked = knowledge.num_known + knowledge.num_unsure + knowledge.num_never_right;
  return "<h2>What it knows</h2>\n<p class=\"lead\">Of <b>" + std::to_string(asked) +
         "</b> training questions it knew <b>" + std::to_string(knowledge.num_known) +
         "</b>, was unsure of <b>" + std::to_string(knowledge.num_unsure) +
         "</b> and never right on <b>" + std::to_string(knowledge.num_never_right) +
         "</b>; there it was taught to say that it doesn't know. On held-out questions it " +
         EscapeHtml(DescribeKnowledge(knowledge)) + ".</p>\n" +
         GroupTable(KnowledgeGroups(knowledge.held_out)) + SampleTable(knowledge) +
         "<p class=\"fine\">95 % intervals, clustered by the right answer. What was known before "
         "is decided by other samples than those that are counted. Only a reply that says nothing "
         "else counts as “I don't know”; what isn't that and isn't right is made up.</p>\n";
}

std::string MarkdownKnowledge(const RunLogs& logs) {
  if (logs.knowledge.held_out.empty()) return "";
  std::string text =
      "\n## What it knows\n\n| held-out questions | number | made up | I don't know | right | "
      "change of right |\n|---|---|---|---|---|---|\n";
  const auto change = [](const Estimate& before, const Estimate& after) {
    return FormatPercent(before.value) + " → " + FormatPercent(after.value);
  };
  for (const KnowledgeGroup& group : KnowledgeGroups(logs.knowledge.held_out)) {
    text += "| " + EscapeMarkdown(group.name) + " | " + std::to_string(group.num_questions) +
            " | " + change(group.before.wrong, group.after.wrong) + " | " +
            change(group.before.dont_know, group.after.dont_know) + " | " +
            change(group.before.right, group.after.right) + " | " +
            FormatPoints(group.right_change.value) + " |\n";
  }
  return text;
}

}  // namespace agon::judge
