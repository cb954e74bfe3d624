#include "envs/tool/tool_env.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/json.h"

namespace agon::envs {
namespace {

constexpr size_t kMaxResultBytes = 1000;

// What of an episode changes.
struct Progress {
  int num_turns = 0;
  // How many of the labeler's calls have been made, in order.
  size_t num_immediate = 0, num_steps = 0;
};

class ToolEpisode final : public Episode {
 public:
  ToolEpisode(std::unique_ptr<Episode> problem, const EnvInfo& info, const ToolFunction& run,
              std::vector<std::string> calls, std::vector<std::string> steps)
      : problem_(std::move(problem)),
        tools_(info.tools),
        max_turns_(info.max_turns),
        run_(run),
        calls_(std::move(calls)),
        steps_(std::move(steps)) {}

  StepResult Step(std::string_view completion, bool truncated) override {
    const auto call = FindToolCall(completion, tools_);
    if (!call || truncated) return problem_->Step(call ? "" : completion, truncated);
    if (++progress_.num_turns >= max_turns_) return OutOfTurns();
    std::string result;
    try {
      result = call->problem.empty() ? run_(*call) : "error: " + call->problem;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kFailed) throw;
      return MaskedOutcome("sandbox", error.what());
    }
    if (result.size() > kMaxResultBytes) result.resize(kMaxResultBytes);
    Follow(*call, calls_, progress_.num_immediate);
    Follow(*call, steps_, progress_.num_steps);
    return Turn{{{Role::kTool, std::move(result)}}, 0};
  }

  std::optional<std::string> Demonstrate(Labeler labeler, uint64_t variant) const override {
    const bool is_immediate = labeler == Labeler::kImmediate;
    const auto& calls = is_immediate ? calls_ : steps_;
    const size_t next = is_immediate ? progress_.num_immediate : progress_.num_steps;
    if (next >= calls.size()) return problem_->Demonstrate(Labeler::kImmediate, variant);
    return std::string(kToolCallOpen).append(calls[next]).append(kToolCallClose);
  }

  std::optional<std::string> Save() const override {
    return Json{progress_.num_turns, progress_.num_immediate, progress_.num_steps}.dump();
  }
  void SetProgress(const Progress& progress) { progress_ = progress; }

 private:
  static void Follow(const ToolCall& call, const std::vector<std::string>& calls, size_t& next) {
    if (next >= calls.size()) return;
    for (const auto& [name, value] : call.arguments) {
      if (value != calls[next]) continue;
      ++next;
      return;
    }
  }

  static Outcome OutOfTurns() {
    Outcome outcome;
    outcome.parts.push_back({"correct", 0.0});
    outcome.truncated = true;
    outcome.reason = "no answer in the last turn";
    return outcome;
  }

  std::unique_ptr<Episode> problem_;
  const std::vector<Tool> tools_;
  const int max_turns_;
  const ToolFunction run_;
  const std::vector<std::string> calls_, steps_;
  Progress progress_;
};

class ToolEnv final : public Env {
 public:
  ToolEnv(ProblemEnvSpec spec, ToolFunction run, std::string_view params) : run_(std::move(run)) {
    AGON_CHECK(!spec.info.tools.empty() && spec.info.max_turns > 1);
    for (const Tool& tool : spec.info.tools) {
      tool_text_ += (tool_text_.empty() ? "Tool: " : "\nTool: ") + tool.name + "(";
      const Json schema = ParseJson(tool.parameters, tool.name);
      std::string names;
      for (const auto& [name, property] : schema.at("properties").items()) {
        names += (names.empty() ? "" : ", ") + name;
      }
      tool_text_ += names + ")";
    }
    problems_ = MakeProblemEnv(std::move(spec), params);
  }

  const EnvInfo& info() const override { return problems_->info(); }

  Task Get(Split split, uint64_t seed, uint64_t index) const override {
    Task task = problems_->Get(split, seed, index);
    task.messages.insert(task.messages.begin(), {Role::kSystem, tool_text_});
    return task;
  }

  std::unique_ptr<Episode> Start(const Task& task) const override { return Begin(task); }

  std::unique_ptr<Episode> Restore(const Task& task, std::string_view saved) const override {
    const std::string where = "saved episode of " + task.id.env;
    const Json json{{"progress", ParseJson(saved, where)}};
    const auto numbers = JsonField<std::vector<uint32_t>>(json, "progress", where);
    if (numbers.size() != 3 || numbers[0] >= static_cast<uint32_t>(info().max_turns)) {
      throw Error(ErrorKind::kCorrupt, "not the state of an episode", where);
    }
    auto episode = Begin(task);
    episode->SetProgress({static_cast<int>(numbers[0]), numbers[1], numbers[2]});
    return episode;
  }

 private:
  std::unique_ptr<ToolEpisode> Begin(const Task& task) const {
    const std::string where = "task " + std::to_string(task.id.index) + " of " + task.id.env;
    auto problem = problems_->Start(task);
    const Json state = ParseJson(task.state, where);
    using Calls = std::vector<std::string>;
    return std::make_unique<ToolEpisode>(std::move(problem), info(), run_,
                                         JsonField<Calls>(state, "calls", where),
                                         JsonField<Calls>(state, "steps", where));
  }

  std::unique_ptr<Env> problems_;
  ToolFunction run_;
  std::string tool_text_;
};

}  // namespace

std::unique_ptr<Env> MakeToolEnv(ProblemEnvSpec spec, ToolFunction run, std::string_view params) {
  return std::make_unique<ToolEnv>(std::move(spec), std::move(run), params);
}

}  // namespace agon::envs
