// Skills as slices of Swiss cheese: each place is a task, each hole one that fails. A model that
// is good on average may still have a hole where nobody expects it.
#include <algorithm>
#include <cmath>
#include <map>

#include "core/rng.h"
#include "judge/metrics.h"
#include "judge/report_parts.h"
#include "judge/text.h"

namespace agon::judge {
namespace {

constexpr size_t kMaxCells = 120;  // that a slice shows; its percentage is of all tasks
constexpr int kColumns = 12;
constexpr double kCell = 20;

// Tasks of one skill: a benchmark, or one family of the only benchmark.
struct Skill {
  std::string name, benchmark, family;
  size_t benchmark_idx = 0;
};

std::vector<Skill> SkillsOf(const EvalResult& model) {
  std::vector<Skill> skills;
  const auto& runs = model.benchmarks;
  for (size_t i = 0; i < runs.size(); ++i) {
    if (!HasRightAnswers(model, runs[i].name)) continue;
    skills.push_back({runs[i].name, runs[i].name, "", i});
  }
  if (runs.size() != 1 || skills.empty()) return skills;
  std::map<std::string, bool> families;
  for (const SampleRecord& sample : model.samples) families[sample.family] = true;
  if (families.size() < 2) return skills;
  skills.clear();
  for (const auto& [family, seen] : families) {
    std::string name = family.empty() ? "other" : family;
    std::replace(name.begin(), name.end(), '_', ' ');
    skills.push_back({name, runs[0].name, family, 0});
  }
  return skills;
}

struct Cell {
  uint64_t task = 0;
  int num_right = 0, num_samples = 0;
};

std::vector<Cell> CellsOf(const EvalResult& model, const Skill& skill, bool by_family) {
  std::vector<Cell> cells;
  for (const SampleRecord& sample : model.samples) {
    if (sample.benchmark != skill.benchmark || sample.masked) continue;
    if (by_family && sample.family != skill.family) continue;
    if (cells.empty() || cells.back().task != sample.task_index) {
      cells.push_back({sample.task_index, 0, 0});
    }
    ++cells.back().num_samples;
    cells.back().num_right += sample.correct ? 1 : 0;
  }
  return cells;
}

std::string Number(double value) { return FormatNumber(value, 1); }

// A hole's area is the share of samples that fail. It stands a little off its place, as in a
// real cheese; the offset is the task's, so that two models' holes can be laid over each other.
std::string Hole(const TaskAnchors& anchors, const Skill& skill, const Cell& cell, size_t place) {
  Rng rng(RngKey{cell.task, RngStream::kTest});
  const double failing =
      1 - static_cast<double>(cell.num_right) / static_cast<double>(cell.num_samples);
  const double x =
      kCell * (static_cast<double>(place % kColumns) + 0.5) + 3 * (rng.Uniform() - 0.5);
  const double y =
      kCell * (static_cast<double>(place / kColumns) + 0.5) + 3 * (rng.Uniform() - 0.5);
  const bool is_whole = cell.num_right == cell.num_samples;
  const double radius = is_whole ? 4 : std::max(2.5, 8.5 * std::sqrt(failing));
  const std::string circle = std::string("<circle class=\"") + (is_whole ? "whole" : "hole") +
                             "\" cx=\"" + Number(x) + "\" cy=\"" + Number(y) + "\" r=\"" +
                             Number(radius) + "\"><title>task " + std::to_string(cell.task) + ": " +
                             std::to_string(cell.num_right) + " of " +
                             std::to_string(cell.num_samples) + " right</title></circle>";
  const std::string anchor = anchors.Find(skill.benchmark_idx, cell.task);
  return anchor.empty() ? circle : "<a href=\"#" + anchor + "\">" + circle + "</a>";
}

std::string Slice(const TaskAnchors& anchors, const EvalResult& model, const Skill& skill,
                  const std::string& tone, bool by_family) {
  const std::vector<Cell> cells = CellsOf(model, skill, by_family);
  if (cells.empty()) return "<div class=\"slice\"><small>nothing scored</small></div>";
  int num_right = 0, num_samples = 0;
  std::string holes;
  const size_t num_shown = std::min(cells.size(), kMaxCells);
  for (size_t i = 0; i < cells.size(); ++i) {
    num_right += cells[i].num_right;
    num_samples += cells[i].num_samples;
    if (i < num_shown) holes += Hole(anchors, skill, cells[i], i);
  }
  const auto rows = (num_shown + kColumns - 1) / kColumns;
  const double width = kColumns * kCell, height = static_cast<double>(rows) * kCell;
  const double share = static_cast<double>(num_right) / num_samples;
  return "<div class=\"slice\"><svg viewBox=\"-4 -4 " + Number(width + 8) + " " +
         Number(height + 8) + "\" role=\"img\" aria-label=\"" + EscapeHtml(skill.name) + ": " +
         FormatPercent(share, 0) + " right\"><rect class=\"cheese\" x=\"-3\" y=\"-3\" width=\"" +
         Number(width + 6) + "\" height=\"" + Number(height + 6) + "\" rx=\"9\"/>" + holes +
         "</svg><small><b class=\"" + tone + "\">" + FormatPercent(share, 0) + "</b> " +
         EscapeHtml(model.model) +
         (num_shown < cells.size() ? ", " + std::to_string(cells.size()) + " tasks, the first " +
                                         std::to_string(num_shown) + " shown"
                                   : "") +
         "</small></div>";
}

}  // namespace

std::string HtmlCheese(const ReportInput& input, const TaskAnchors& anchors) {
  if (input.models.empty()) return "";
  const std::vector<Skill> skills = SkillsOf(input.models.back());
  if (skills.size() < 2) return "";
  const bool by_family = input.models.back().benchmarks.size() == 1;
  std::string html =
      "<h2>Where the holes are</h2>\n<p class=\"lead\">Each place in a slice is a task, each hole "
      "one that fails; its area is the share of answers that do. A hole leads to the answers.</p>\n"
      "<div class=\"skills\">";
  for (const Skill& skill : skills) {
    html += "<figure class=\"skill\"><figcaption><b>" + EscapeHtml(skill.name) +
            "</b></figcaption><div class=\"slices\">";
    for (size_t i = 0; i < input.models.size(); ++i) {
      html += Slice(anchors, input.models[i], skill, ToneOf(i, input.models.size()), by_family);
    }
    html += "</div></figure>\n";
  }
  return html + "</div>\n";
}

}  // namespace agon::judge
