#include "envs/playthrough.h"

#include <algorithm>
#include <cstdio>
#include <set>
#include <utility>
#include <vector>

#include "envs/catalog.h"

namespace agon::envs {
namespace {

constexpr uint64_t kMaxIndex = 300;  // tasks looked through for new families

std::string Printable(std::string_view text) {
  std::string printable;
  for (const char c : text) {
    if (c == '\n' || (c >= ' ' && c <= '~')) {
      printable += c;
    } else {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned char>(c));
      printable += escape;
    }
  }
  return printable;
}

// Behind "name: ", or indented below "name:" where the text has several lines.
std::string Labelled(std::string_view name, std::string_view text) {
  const std::string printable = Printable(text);
  std::string labelled(name);
  if (printable.find('\n') == std::string::npos) return labelled + ": " + printable + "\n";
  labelled += ":\n  ";
  for (const char c : printable) {
    labelled += c;
    if (c == '\n') labelled += "  ";
  }
  return labelled + "\n";
}

std::string Number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

}  // namespace

std::string PlaythroughFileName(const std::string& id) {
  std::string name = id;
  std::replace(name.begin(), name.end(), '/', '_');
  return name + ".txt";
}

std::string RenderOutcome(const Outcome& outcome) {
  std::string text = "reward " + Number(outcome.Reward()) + " (";
  for (const RewardPart& part : outcome.parts) {
    if (&part != outcome.parts.data()) text += ", ";
    text += part.name + " " + (part.value ? Number(*part.value) : "unscored");
    if (part.weight != 1) text.append(" x ").append(Number(part.weight));
  }
  text += outcome.terminated ? "; terminated" : outcome.truncated ? "; truncated" : "; not ended";
  if (outcome.masked) text += "; masked: " + outcome.masked->kind + ", " + outcome.masked->reason;
  text += "; found \"" + Printable(outcome.extracted) + "\"; " + outcome.reason;
  return text + ")";
}

std::string RenderTask(const Env& env, const Task& task) {
  std::string text = std::string("## ") + SplitName(task.id.split) + ", seed " +
                     std::to_string(task.id.seed) + ", index " + std::to_string(task.id.index) +
                     ": " + task.family + ", difficulty " + std::to_string(task.difficulty) + "\n";
  for (const Message& message : task.messages) {
    text += Labelled(RoleName(message.role), message.content);
  }
  text += Labelled("gold", task.answer);
  constexpr std::pair<Labeler, std::string_view> kLabelers[] = {
      {Labeler::kImmediate, "immediate"}, {Labeler::kStepByStep, "step by step"}};
  for (const auto& [labeler, name] : kLabelers) {
    const auto demonstration = env.Demonstrate(task, labeler, 0);
    text += demonstration ? Labelled(name, *demonstration) : std::string(name) + ": none\n";
    if (!demonstration) continue;
    const StepResult result = env.Start(task)->Step(*demonstration, /*truncated=*/false);
    if (const auto* outcome = std::get_if<Outcome>(&result)) {
      text.append("  -> ").append(RenderOutcome(*outcome)).append("\n");
      continue;
    }
    for (const Message& message : std::get<Turn>(result).messages) {
      text.append("  -> ").append(Labelled(RoleName(message.role), message.content));
    }
  }
  return text;
}

std::string RenderPlaythrough(const Env& env) {
  std::string text = "# " + RenderInfo(env.info());
  for (const Split split : {Split::kTrain, Split::kVal, Split::kTest}) {
    std::set<std::pair<int, std::string>> seen;
    std::vector<std::pair<int, Task>> tasks;
    for (uint64_t index = 0; index < kMaxIndex; ++index) {
      Task task = env.Get(split, /*seed=*/0, index);
      const std::string family = split == Split::kTrain ? task.family : "";
      if (!seen.emplace(task.difficulty, family).second) continue;
      tasks.emplace_back(task.difficulty, std::move(task));
    }
    std::stable_sort(tasks.begin(), tasks.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [difficulty, task] : tasks) text.append("\n").append(RenderTask(env, task));
  }
  return text;
}

}  // namespace agon::envs
