// code/python: write a function of one line; tests that nobody sees judge it.
//
//   Write f(x): start with x, add 3, multiply by 2. f(4) is 14.
//   add 3: x + 3
//   multiply by 2: (x + 3) * 2
//   Answer: return (x + 3) * 2
//
// The answer is the body of f, one line that begins with "return", or a block fenced as
// ```python that defines f. It is held against generated arguments other than those shown,
// each in a box of its own. Difficulty is the number of operations: one, two, three; the
// hardest has // and %, reductions of chosen elements, three changes of a str.
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/json.h"
#include "envs/choice.h"
#include "envs/code/plain_value_json.h"
#include "envs/code/python_tasks.h"
#include "envs/code/shared_sandbox.h"
#include "envs/code/verdict_cache.h"
#include "envs/problem_env.h"
#include "envs/text/text_answer.h"

namespace agon::envs {
namespace {

constexpr uint32_t kMaxDraws = 10000;
constexpr size_t kMaxBodyBytes = 400;
constexpr std::array<std::string_view, 1> kOwnKeys = {kUnsafeKey};

struct Family {
  const char* name;
  PythonTask (*draw)(Rng& rng, int difficulty);
};
constexpr std::array<Family, 3> kFamilies = {
    {{"expression", DrawExpression}, {"list", DrawListFunction}, {"string", DrawStringFunction}}};

// As Python writes it: 'ab', [1, 2], -3.
std::string Repr(const PlainValue& value) {
  if (value.kind == PlainValue::Kind::kStr) return "'" + value.text + "'";
  if (value.kind != PlainValue::Kind::kList) return std::to_string(value.integer);
  std::string text;
  for (const PlainValue& item : value.items) text += (text.empty() ? "" : ", ") + Repr(item);
  return "[" + text + "]";
}

std::string Question(const PythonTask& task) {
  std::string text = "Write f(" + task.parameter + "): " + task.description + ".";
  for (const auto& [argument, result] : task.examples) {
    text += " f(" + Repr(argument) + ") is " + Repr(result) + ".";
  }
  return text;
}

struct Answer {
  std::string code;     // "" where there is none
  std::string shown;    // as the completion has it
  std::string problem;  // why there is none
};

// Only what could be one return statement reaches a box.
Answer ReadAnswer(std::string_view completion, const std::string& parameter) {
  if (completion.find("```") != std::string_view::npos) {
    std::string code = ExtractCode(completion);
    if (code.find("def f(") == std::string::npos) return {"", "", "no f in the code"};
    return {code, code, ""};
  }
  ExtractedAnswer answer = ExtractText(completion);
  if (answer.text.empty()) return {"", "", std::move(answer.problem)};
  constexpr std::string_view kReturn = "return ";
  if (answer.text.size() > kMaxBodyBytes) return {"", "", "too long"};
  for (const unsigned char c : answer.text) {
    if (c < 32 || c > 126) return {"", "", "not one line of ASCII"};
  }
  if (!answer.text.starts_with(kReturn)) return {"", answer.text, "does not begin with return"};
  if (answer.text.find("return", kReturn.size()) != std::string::npos) {
    return {"", answer.text, "two answers"};
  }
  return {"def f(" + parameter + "):\n    " + answer.text + "\n", answer.text, ""};
}

class PythonEpisode final : public Episode {
 public:
  PythonEpisode(const Task& task, std::shared_ptr<VerdictCache> cache, bool unsafe)
      : answer_(task.answer), state_(task.state), cache_(std::move(cache)), unsafe_(unsafe) {
    const std::string where = "task " + std::to_string(task.id.index) + " of " + task.id.env;
    const Json state = ParseJson(state_, where);
    parameter_ = JsonField<std::string>(state, "parameter", where);
    steps_ = JsonField<std::vector<std::string>>(state, "steps", where);
    tests_.entry_point = "f";
    tests_.stop_at_first_failure = true;
    tests_.limits.time_ms = 2000;
    tests_.limits.total_ms = 20000;
    for (const Json& test : JsonField<std::vector<Json>>(state, "hidden", where)) {
      if (!test.is_array() || test.size() != 2) {
        throw Error(ErrorKind::kCorrupt, "a test is no pair", where);
      }
      tests_.calls.push_back(
          {{PlainValueFromJson(test[0], where)}, {}, PlainValueFromJson(test[1], where)});
    }
  }

  StepResult Step(std::string_view completion, bool truncated) override {
    // The last line of a cut completion may lack its end: "x + 1" of "x + 12".
    if (truncated) completion = completion.substr(0, completion.rfind('\n') + 1);
    Answer program = ReadAnswer(completion, parameter_);
    if (!program.code.empty()) {
      const CodeGrade grade = cache_->Grade(SharedSandbox(unsafe_), tests_, state_, program.code);
      return OutcomeOf(grade, std::move(program.shown), truncated);
    }
    Outcome outcome;
    outcome.parts.push_back({"correct", 0.0});
    outcome.terminated = !truncated;
    outcome.truncated = truncated;
    outcome.extracted = std::move(program.shown);
    outcome.reason = std::move(program.problem);
    return outcome;
  }

  std::optional<std::string> Demonstrate(Labeler labeler, uint64_t /*variant*/) const override {
    std::string text;
    if (labeler == Labeler::kStepByStep) {
      for (const std::string& step : steps_) text += step + "\n";
    }
    return text + "Answer: " + answer_;
  }

 private:
  const std::string answer_, state_;
  const std::shared_ptr<VerdictCache> cache_;
  const bool unsafe_;
  std::string parameter_;
  std::vector<std::string> steps_;
  CodeTests tests_;
};

class PythonEnv final : public Env {
 public:
  explicit PythonEnv(std::string_view params) {
    info_.id = "code/python-v1";
    info_.summary = "Functions of one line in Python: arithmetic, lists, strings; hidden tests";
    info_.num_difficulties = kNumPythonDifficulties;
    for (const Family& family : kFamilies) info_.families.push_back(family.name);
    info_.chance = 0.05;
    choice_ = ParseTaskChoice(params, info_, kOwnKeys);
    unsafe_ = IsUnsafe(choice_, info_);
    spec_ = choice_.Spec(info_);
    for (const Family& family : kFamilies) {
      for (const std::string& name : choice_.families) {
        if (name == family.name) chosen_.push_back(&family);
      }
    }
  }

  const EnvInfo& info() const override { return info_; }

  Task Get(Split split, uint64_t seed, uint64_t index) const override {
    const RngKey key{seed, RngStream::kTask, Hash64(info_.id), index, 0};
    Rng kinds(key);
    const Family& family = *chosen_[kinds.Below(chosen_.size())];
    const int difficulty =
        static_cast<int>(kinds.Between(choice_.min_difficulty, choice_.max_difficulty));
    for (uint32_t draw = 1; draw <= kMaxDraws; ++draw) {
      Rng rng(key.WithSample(draw));
      const PythonTask drawn = family.draw(rng, difficulty);
      if (SplitOf(family.name, drawn.description) != split) continue;
      return MakeTask({spec_, split, seed, index}, family, difficulty, drawn);
    }
    throw Error(ErrorKind::kUsage,
                std::string("no task of family ") + family.name + " falls into the " +
                    SplitName(split) + " split",
                spec_, "choose more families or difficulties");
  }

  std::unique_ptr<Episode> Start(const Task& task) const override {
    return std::make_unique<PythonEpisode>(task, cache_, unsafe_);
  }

 private:
  static Task MakeTask(TaskId id, const Family& family, int difficulty, const PythonTask& drawn) {
    Task task;
    task.id = std::move(id);
    task.messages = {{Role::kUser, Question(drawn)}};
    task.answer = "return " + drawn.solution;
    task.family = family.name;
    task.difficulty = difficulty;
    Json hidden = Json::array();
    for (const auto& [argument, result] : drawn.hidden) {
      hidden.push_back(Json::array({PlainValueToJson(argument), PlainValueToJson(result)}));
    }
    task.state =
        Json{{"parameter", drawn.parameter}, {"steps", drawn.steps}, {"hidden", hidden}}.dump();
    return task;
  }

  EnvInfo info_;
  TaskChoice choice_;
  std::string spec_;
  bool unsafe_ = false;
  std::vector<const Family*> chosen_;
  std::shared_ptr<VerdictCache> cache_ = std::make_shared<VerdictCache>();
};

std::unique_ptr<Env> MakePython(std::string_view params) {
  return std::make_unique<PythonEnv>(params);
}

REGISTER_ENV("code/python-v1", MakePython);

}  // namespace
}  // namespace agon::envs
