#include "envs/playthrough.h"

#include <algorithm>
#include <cstdio>
#include <set>
#include <utility>
#include <vector>

#include "envs/catalog.h"
#include "envs/number_text.h"

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

// What the labeler says and what comes of it, turn by turn.
std::string RenderDemonstration(const Env& env, const Task& task, Labeler labeler,
                                std::string_view name) {
  const auto episode = env.Start(task);
  const int max_steps = env.info().max_turns * env.info().num_seats;
  std::string text, speaker(name);
  for (int step = 0; step < max_steps; ++step) {
    const auto said = episode->Demonstrate(labeler, 0);
    if (!said) return text + speaker + ": none\n";
    text += Labelled(speaker, *said);
    const StepResult result = episode->Step(*said, /*truncated=*/false);
    if (const auto* outcome = std::get_if<Outcome>(&result)) {
      return text + "  -> " + RenderOutcome(*outcome) + "\n";
    }
    const Turn& turn = std::get<Turn>(result);
    for (const Message& message : turn.messages) {
      text.append("  -> ").append(Labelled(RoleName(message.role), message.content));
    }
    if (env.info().num_seats > 1) speaker = "seat " + std::to_string(turn.seat);
  }
  return text + "  -> no end\n";
}

}  // namespace

std::string PlaythroughFileName(const std::string& id) {
  std::string name = id;
  std::replace(name.begin(), name.end(), '/', '_');
  return name + ".txt";
}

std::string RenderOutcome(const Outcome& outcome) {
  std::string text = "reward " + NumberText(outcome.Reward()) + " (";
  for (const RewardPart& part : outcome.parts) {
    if (&part != outcome.parts.data()) text += ", ";
    if (part.seat != 0) text += "seat " + std::to_string(part.seat) + " ";
    text += part.name + " " + (part.value ? NumberText(*part.value) : "unscored");
    if (part.weight != 1) text.append(" x ").append(NumberText(part.weight));
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
    text += RenderDemonstration(env, task, labeler, name);
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
