// code/jsonl: functions to write in Python, from a file with one JSON object a line.
//
//   code/jsonl(file=mbpp.jsonl)                MBPP's file as it is
//
// Fields: "text" or "prompt", what is asked; "code", a right solution; "test_list", asserts,
// each a test; optionally "test_setup_code" and "entry_point". The question shows the first
// test, which tells the function's name; the others are hidden. The response's program is
// taken as `rl-env grade code` takes it (envs/code/grader.h).
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "envs/choice.h"
#include "envs/code/shared_sandbox.h"
#include "envs/code/task_line.h"
#include "envs/code/verdict_cache.h"
#include "envs/line_tasks.h"
#include "envs/math/extract.h"

namespace agon::envs {
namespace {

constexpr std::string_view kFamily = "function";
constexpr std::array<std::string_view, 2> kOwnKeys = {"file", kUnsafeKey};

std::vector<CodeFileTask> ReadTasks(const std::string& file) {
  const std::string text = ReadFile(file);
  std::vector<CodeFileTask> tasks;
  size_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line(text.data() + begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    tasks.push_back(ReadCodeFileTask(line, file + " line " + std::to_string(number)));
  }
  if (tasks.empty()) throw Error(ErrorKind::kCorrupt, "no tasks", file);
  return tasks;
}

// An answer in a box or behind #### beside the program is a second answer.
bool OffersMore(std::string_view completion) {
  const size_t fence = completion.rfind("```");
  if (fence == std::string_view::npos) return false;
  const OfferedAnswers others = FindAnswers(completion.substr(fence + 3));
  return !others.boxes.empty() || others.hash_line || others.line;
}

class CodeFileEpisode final : public Episode {
 public:
  CodeFileEpisode(std::shared_ptr<const CodeFileTask> task, std::string name,
                  std::shared_ptr<VerdictCache> cache, bool unsafe)
      : task_(std::move(task)), name_(std::move(name)), cache_(std::move(cache)), unsafe_(unsafe) {}

  StepResult Step(std::string_view completion, bool truncated) override {
    std::string code = ExtractCode(completion);
    // A program that was cut proves nothing; one that is refused needs no box.
    const char* problem = truncated                ? "cut by the token limit"
                          : OffersMore(completion) ? "two answers"
                          : code.empty()           ? "no program"
                                                   : nullptr;
    if (problem != nullptr) {
      Outcome outcome;
      outcome.parts.push_back({"correct", 0.0});
      outcome.terminated = !truncated;
      outcome.truncated = truncated;
      outcome.reason = problem;
      return outcome;
    }
    try {
      const CodeGrade grade = cache_->Grade(SharedSandbox(unsafe_), task_->tests, name_, code);
      return OutcomeOf(grade, std::move(code), truncated);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kUsage) throw;
      return MaskedOutcome("grader", error.what());
    }
  }

  std::optional<std::string> Demonstrate(Labeler labeler, uint64_t /*variant*/) const override {
    if (labeler == Labeler::kStepByStep) return std::nullopt;
    return "```python\n" + task_->solution + "\n```";
  }

 private:
  const std::shared_ptr<const CodeFileTask> task_;
  const std::string name_;
  const std::shared_ptr<VerdictCache> cache_;
  const bool unsafe_;
};

class CodeFile final : public Env {
 public:
  explicit CodeFile(std::string_view params) {
    info_.id = "code/jsonl-v1";
    info_.summary = "Functions in Python from a JSON lines file, such as MBPP's";
    info_.families = {std::string(kFamily)};
    info_.needs = "file=PATH";
    info_.step_timeout_ms = 120000;
    TaskChoice choice = ParseTaskChoice(params, info_, kOwnKeys);
    unsafe_ = IsUnsafe(choice, info_);
    spec_ = choice.Spec(info_);
    if (choice.own["file"].empty()) return;
    info_.needs.clear();
    tasks_ = std::make_shared<const std::vector<CodeFileTask>>(ReadTasks(choice.own["file"]));
    for (const CodeFileTask& task : *tasks_) lines_.Add(task.question);
    info_.num_tasks = lines_.size();
  }

  const EnvInfo& info() const override { return info_; }

  Task Get(Split split, uint64_t seed, uint64_t index) const override {
    Task task = lines_.Find(spec_, split, seed, index);
    const CodeFileTask& line = (*tasks_)[lines_.LineOf(task)];
    task.messages = {{Role::kUser, line.question}};
    task.answer = line.solution;
    return task;
  }

  std::unique_ptr<Episode> Start(const Task& task) const override {
    const size_t line = lines_.LineOf(task);
    return std::make_unique<CodeFileEpisode>(
        std::shared_ptr<const CodeFileTask>(tasks_, &(*tasks_)[line]), task.state, cache_, unsafe_);
  }

 private:
  EnvInfo info_;
  LineTasks lines_{"code/jsonl-v1", std::string(kFamily)};
  std::string spec_;
  bool unsafe_ = false;
  std::shared_ptr<const std::vector<CodeFileTask>> tasks_;  // null without a file
  std::shared_ptr<VerdictCache> cache_ = std::make_shared<VerdictCache>();
};

std::unique_ptr<Env> MakeCodeFile(std::string_view params) {
  return std::make_unique<CodeFile>(params);
}

REGISTER_ENV("code/jsonl-v1", MakeCodeFile);

}  // namespace
}  // namespace agon::envs
