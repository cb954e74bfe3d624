#include "trainer/summary.h"

#include <algorithm>
#include <cstdio>

#include "core/file.h"
#include "core/json.h"
#include "core/progress.h"
#include "judge/metrics.h"
#include "judge/run_log.h"

namespace agon::trainer {
namespace {

std::string Format(const char* format, double a, double b, double c) {
  char text[160];
  std::snprintf(text, sizeof text, format, a, b, c);
  return text;
}

const judge::Metric* FindPassAtOne(const judge::EvalResult& result) {
  for (const judge::Metric& metric : result.metrics) {
    if (metric.metric == "pass@1") return &metric;
  }
  return nullptr;
}

std::string Line(const StageSummary& stage) {
  char text[256];
  const std::string time = stage.reused ? "earlier" : FormatDuration(stage.seconds);
  std::snprintf(text, sizeof text, "%-10s %12s   %s\n", stage.stage.c_str(), time.c_str(),
                stage.result.c_str());
  return text;
}

// Of the stage that took most, with its largest purposes by name.
std::string CompactMemory(const RunSummary& summary) {
  if (summary.memory.uses.empty()) return "";
  constexpr size_t kNamed = 5;
  std::vector<policy::MemoryUse> uses = summary.memory.uses;
  std::stable_sort(uses.begin(), uses.end(),
                   [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  std::string text = "memory: " + FormatBytes(summary.memory.Total()) + " reserved in " +
                     summary.memory.stage + ", the most of all stages; reward models and " +
                     "opponents come on top. The process's peak was " +
                     FormatBytes(summary.peak_bytes) + "\n";
  policy::MemoryUse rest{"the rest", summary.memory.Total()};
  uses.resize(std::min(kNamed, uses.size()));
  for (const policy::MemoryUse& use : uses) rest.bytes -= use.bytes;
  uses.push_back(rest);
  constexpr size_t kColumns = 80;
  std::string line;
  for (const policy::MemoryUse& use : uses) {
    const std::string item = use.purpose + " " + FormatBytes(use.bytes);
    if (!line.empty() && line.size() + 2 + item.size() > kColumns) {
      text += line + ",\n";
      line.clear();
    }
    line += (line.empty() ? "  " : ", ") + item;
  }
  return text + line + "\n";
}

}  // namespace

std::optional<double> LastLogged(const fs::path& run_dir, const std::string& stage,
                                 const std::string& field) {
  const auto stages = judge::ReadRunLog(run_dir / "log.jsonl");
  const judge::StageLog* log = judge::FindStage(stages, stage);
  if (!log || log->Get(field).empty()) return std::nullopt;
  return log->Get(field).back().second;
}

std::string PassAtOne(const judge::EvalResult& result) {
  const judge::Metric* metric = FindPassAtOne(result);
  if (!metric) return "";
  return Format("pass@1 %.1f %% [%.1f, %.1f]", 100 * metric->value, 100 * metric->ci_low,
                100 * metric->ci_high);
}

std::string RenderSummary(const RunSummary& summary) {
  std::string text = "\nstage              time   result\n";
  for (const StageSummary& stage : summary.stages) text += Line(stage);
  text += "\n";
  for (const judge::Comparison& c : summary.comparisons) {
    if (c.metric != "pass@1") continue;
    if (c.b != summary.models.back().model) continue;
    const auto* before = judge::FindMetric(summary.models.front(), c.benchmark, c.metric);
    const auto* after = judge::FindMetric(summary.models.back(), c.benchmark, c.metric);
    if (!before || !after) continue;
    text += c.benchmark + ", test split: pass@1 " +
            Format("%.1f %% -> %.1f %%", 100 * before->value, 100 * after->value, 0) +
            Format(", %+.1f points [%+.1f, %+.1f], paired by task\n", 100 * c.diff, 100 * c.ci_low,
                   100 * c.ci_high);
  }
  text += CompactMemory(summary);
  text += "report: " + (summary.run_dir / "report.html").string() + "\n";
  if (!summary.model.empty()) {
    text += "talk to it: rl-chat --model " + summary.model.string() + "\n";
  }
  return text;
}

std::string SummaryJson(const RunSummary& summary) {
  Json stages = Json::array(), metrics = Json::array(), comparisons = Json::array();
  for (const StageSummary& s : summary.stages) {
    stages.push_back(
        {{"stage", s.stage}, {"seconds", s.seconds}, {"reused", s.reused}, {"result", s.result}});
  }
  for (const judge::EvalResult& model : summary.models) {
    for (const judge::Metric& m : model.metrics) {
      metrics.push_back({{"model", model.model},
                         {"benchmark", m.benchmark},
                         {"metric", m.metric},
                         {"value", m.value},
                         {"stderr", m.stderr_},
                         {"ci95", {m.ci_low, m.ci_high}},
                         {"n", m.n}});
    }
  }
  for (const judge::Comparison& c : summary.comparisons) {
    comparisons.push_back({{"benchmark", c.benchmark},
                           {"metric", c.metric},
                           {"a", c.a},
                           {"b", c.b},
                           {"diff", c.diff},
                           {"ci95", {c.ci_low, c.ci_high}}});
  }
  Json memory = Json::object();
  for (const policy::MemoryUse& use : summary.memory.uses) memory[use.purpose] = use.bytes;
  const Json json = {{"run", summary.run_dir.string()},
                     {"stages", stages},
                     {"metrics", metrics},
                     {"comparisons", comparisons},
                     {"model", summary.model.string()},
                     {"memory", {{"stage", summary.memory.stage}, {"bytes", memory}}},
                     {"peak_resident_bytes", summary.peak_bytes},
                     {"report", (summary.run_dir / "report.html").string()}};
  return DumpJson(json, 2) + "\n";
}

std::string RenderMemory(const std::vector<policy::MemoryUse>& uses) {
  int64_t total = 0;
  std::string text;
  const auto add = [&](const std::string& purpose, int64_t bytes) {
    char line[128];
    std::snprintf(line, sizeof line, "  %-32s %12s\n", purpose.c_str(), FormatBytes(bytes).c_str());
    text += line;
  };
  for (const policy::MemoryUse& use : uses) add(use.purpose, use.bytes), total += use.bytes;
  add("total", total);
  return text;
}

}  // namespace agon::trainer
