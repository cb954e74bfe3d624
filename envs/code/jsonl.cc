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
#include <charconv>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/rng.h"
#include "envs/choice.h"
#include "envs/code/shared_sandbox.h"
#include "envs/code/task_line.h"
#include "envs/code/verdict_cache.h"
#include "envs/math/extract.h"
#include "envs/problem_env.h"

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
    info_.num_tasks = static_cast<int64_t>(tasks_->size());
    for (size_t i = 0; i < tasks_->size(); ++i) {
      of_split_[static_cast<size_t>(SplitOf(kFamily, (*tasks_)[i].question))].push_back(i);
    }
  }

  const EnvInfo& info() const override { return info_; }

  Task Get(Split split, uint64_t seed, uint64_t index) const override {
    if (!tasks_) {
      throw Error(ErrorKind::kUsage, "no file of tasks", info_.id,
                  "name one: \"code/jsonl(file=PATH)\"");
    }
    const auto& members = of_split_[static_cast<size_t>(split)];
    if (members.empty()) {
      throw Error(ErrorKind::kUsage,
                  std::string("no task falls into the ") + SplitName(split) + " split", spec_,
                  "give a file with more tasks");
    }
    const size_t line = members[Place(split, seed, index, members.size())];
    Task task;
    task.id = {spec_, split, seed, index};
    task.messages = {{Role::kUser, (*tasks_)[line].question}};
    task.answer = (*tasks_)[line].solution;
    task.family = kFamily;
    task.state = std::to_string(line);
    return task;
  }

  std::unique_ptr<Episode> Start(const Task& task) const override {
    size_t line = 0;
    const char* const end = task.state.data() + task.state.size();
    const auto [rest, error] = std::from_chars(task.state.data(), end, line);
    if (error != std::errc() || rest != end || !tasks_ || line >= tasks_->size()) {
      throw Error(ErrorKind::kCorrupt, "no task \"" + task.state + "\" in the file",
                  "task " + std::to_string(task.id.index) + " of " + task.id.env);
    }
    return std::make_unique<CodeFileEpisode>(
        std::shared_ptr<const CodeFileTask>(tasks_, &(*tasks_)[line]), task.state, cache_, unsafe_);
  }

 private:
  // Every task comes once before any comes again, in an order that depends on the seed.
  size_t Place(Split split, uint64_t seed, uint64_t index, size_t size) const {
    const uint64_t round = index / size;
    Rng rng({seed, RngStream::kTask, Hash64(info_.id, static_cast<uint64_t>(split)), round, 0});
    size_t step = size == 1 ? 0 : 1 + rng.Below(size - 1);
    while (size > 1 && std::gcd(step, size) != 1) step = step % (size - 1) + 1;
    const size_t start = rng.Below(size);
    return static_cast<size_t>((start + static_cast<__int128>(index % size) * step) % size);
  }

  EnvInfo info_;
  std::string spec_;
  bool unsafe_ = false;
  std::shared_ptr<const std::vector<CodeFileTask>> tasks_;  // null without a file
  std::array<std::vector<size_t>, 3> of_split_;             // by Split; places in `tasks_`
  std::shared_ptr<VerdictCache> cache_ = std::make_shared<VerdictCache>();
};

std::unique_ptr<Env> MakeCodeFile(std::string_view params) {
  return std::make_unique<CodeFile>(params);
}

REGISTER_ENV("code/jsonl-v1", MakeCodeFile);

}  // namespace
}  // namespace agon::envs
