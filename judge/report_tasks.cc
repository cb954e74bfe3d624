// Every task down to what was said: folded lists, one entry a task, all models' answers in it.
#include <algorithm>
#include <cmath>
#include <map>

#include "judge/metrics.h"
#include "judge/report_parts.h"
#include "judge/text.h"

namespace agon::judge {
namespace {

// Entries of the whole page and of one benchmark: a page stays a few megabytes.
constexpr size_t kMaxEntries = 900, kMaxOfBenchmark = 60;
constexpr size_t kMaxAnswerBytes = 2000;  // of one answer; samples.jsonl has all of it
constexpr size_t kMaxSamples = 8;         // of one model

using Answers = std::vector<const SampleRecord*>;

// Answers of each model to one task.
struct Entry {
  uint64_t task = 0;
  std::vector<Answers> answers;
  bool is_graded = false;  // they are right or wrong
};

// The share of right answers, or their mean score.
double Worth(const Answers& answers, bool is_graded) {
  if (answers.empty()) return 0;
  double sum = 0;
  for (const SampleRecord* s : answers) sum += is_graded ? s->correct : s->reward;
  return sum / static_cast<double>(answers.size());
}

// The tasks that tell most: those whose outcome changed, then those that fail.
std::vector<Entry> Entries(const ReportInput& input, const std::string& benchmark) {
  const bool is_graded = HasRightAnswers(input.models.back(), benchmark);
  std::map<uint64_t, Entry> tasks;
  for (size_t i = 0; i < input.models.size(); ++i) {
    for (const SampleRecord& sample : input.models[i].samples) {
      if (sample.benchmark != benchmark) continue;
      Entry& entry = tasks[sample.task_index];
      entry.task = sample.task_index;
      entry.is_graded = is_graded;
      entry.answers.resize(input.models.size());
      entry.answers[i].push_back(&sample);
    }
  }
  std::vector<Entry> entries;
  for (auto& [index, entry] : tasks) entries.push_back(std::move(entry));
  const size_t limit = std::clamp<size_t>(
      kMaxEntries / std::max<size_t>(1, input.models.back().benchmarks.size()), 5, kMaxOfBenchmark);
  if (entries.size() <= limit) return entries;
  const auto interest = [&](const Entry& entry) {
    const double first = Worth(entry.answers.front(), is_graded);
    const double last = Worth(entry.answers.back(), is_graded);
    return 2 * std::abs(last - first) - last;
  };
  std::stable_sort(entries.begin(), entries.end(),
                   [&](const Entry& a, const Entry& b) { return interest(a) > interest(b); });
  entries.resize(limit);
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.task < b.task; });
  return entries;
}

const char* OutcomeName(const SampleRecord& sample) {
  return sample.masked ? "masked" : sample.correct ? "right" : "wrong";
}

// A square for each answer.
std::string Strip(const Answers& answers) {
  std::string html = "<span class=\"strip\">";
  for (size_t i = 0; i < answers.size() && i < 16; ++i) {
    html += std::string("<i class=\"") + OutcomeName(*answers[i]) + "\"></i>";
  }
  return html + "</span>";
}

// "✓", "✗" or "–"; of an answer that is neither right nor wrong its score, if it has one.
std::string Mark(const SampleRecord& sample, bool is_graded) {
  if (!is_graded && !sample.masked) {
    const auto score = sample.scores.find("score");
    return score == sample.scores.end() ? "" : "<b>score " + FormatShort(score->second) + "</b> ";
  }
  const char* mark = sample.masked ? "–" : sample.correct ? "✓" : "✗";
  return std::string("<span class=\"mark ") + OutcomeName(sample) + "\">" + mark + "</span> ";
}

std::string AnswerHtml(const SampleRecord& sample, bool is_graded) {
  std::string html = "<p class=\"who\">" + Mark(sample, is_graded) + "<small>" +
                     std::to_string(sample.num_tokens) + " tokens" +
                     (sample.truncated ? ", cut" : "");
  if (!sample.reason.empty()) html += " · " + EscapeHtml(sample.reason, 200);
  return html + "</small></p><pre>" + EscapeHtml(sample.completion, kMaxAnswerBytes) + "</pre>";
}

std::string EntryHtml(const ReportInput& input, const Entry& entry, const std::string& anchor) {
  const SampleRecord* task = nullptr;
  for (const Answers& answers : entry.answers) {
    if (!answers.empty()) task = answers.front();
  }
  std::string html = "<details class=\"task\" id=\"" + anchor + "\"><summary>";
  for (const Answers& answers : entry.answers) html += entry.is_graded ? Strip(answers) : "";
  html += "<span class=\"asked\">" + EscapeHtml(task->prompt.substr(0, 160), 120) +
          "</span></summary><p class=\"question\">" + EscapeHtml(task->prompt, kMaxAnswerBytes) +
          "</p>";
  if (!task->answer.empty()) {
    html += "<p class=\"gold\">Answer: <b>" + EscapeHtml(task->answer, 500) + "</b></p>";
  }
  html += "<div class=\"two\">";
  for (size_t i = 0; i < entry.answers.size(); ++i) {
    html += "<div class=\"answer\">";
    if (input.models.size() > 1) {
      html += "<p class=\"who " + ToneOf(i, input.models.size()) + "\">" +
              EscapeHtml(input.models[i].model) + "</p>";
    }
    const Answers& answers = entry.answers[i];
    for (size_t s = 0; s < answers.size() && s < kMaxSamples; ++s) {
      html += AnswerHtml(*answers[s], entry.is_graded);
    }
    if (answers.size() > kMaxSamples) {
      html += "<p class=\"fine\">and " + std::to_string(answers.size() - kMaxSamples) +
              " more in samples.jsonl</p>";
    }
    html += "</div>";
  }
  return html + "</div></details>\n";
}

std::string AnchorName(size_t benchmark_idx, uint64_t task) {
  return "task-" + std::to_string(benchmark_idx) + "-" + std::to_string(task);
}

}  // namespace

TaskAnchors::TaskAnchors(const ReportInput& input) {
  if (input.models.empty()) return;
  const auto& runs = input.models.back().benchmarks;
  for (size_t i = 0; i < runs.size(); ++i) {
    for (const Entry& entry : Entries(input, runs[i].name))
      names_.insert(AnchorName(i, entry.task));
  }
}

std::string TaskAnchors::Find(size_t benchmark_idx, uint64_t task_index) const {
  std::string name = AnchorName(benchmark_idx, task_index);
  return names_.contains(name) ? name : "";
}

std::string HtmlTasks(const ReportInput& input) {
  if (input.models.empty() || input.models.back().samples.empty()) return "";
  const auto& runs = input.models.back().benchmarks;
  std::string html =
      "<h2>Tasks and answers</h2>\n<p class=\"lead\">A square is an answer: "
      "<span class=\"strip\"><i class=\"right\"></i></span> right, "
      "<span class=\"strip\"><i class=\"wrong\"></i></span> wrong" +
      std::string(input.models.size() > 1 ? "; models in their order above" : "") + ".</p>\n";
  for (size_t i = 0; i < runs.size(); ++i) {
    const std::vector<Entry> entries = Entries(input, runs[i].name);
    html += std::string("<details class=\"tasks\"") + (runs.size() == 1 ? " open" : "") +
            "><summary>" + EscapeHtml(runs[i].name) + " <small>" + std::to_string(entries.size()) +
            " tasks</small></summary>\n<p class=\"fine\">" + EscapeHtml(runs[i].settings) +
            "</p>\n";
    for (const Entry& entry : entries) html += EntryHtml(input, entry, AnchorName(i, entry.task));
    html += "</details>\n";
  }
  return html +
         "<p class=\"fine\">Of long lists those tasks whose outcome differs most, then those that "
         "fail; all of them are in samples.jsonl.</p>\n";
}

}  // namespace agon::judge
