#include "envs/problem_env.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/json.h"
#include "envs/choice.h"
#include "envs/math/rational.h"
#include "envs/problem_state.h"
#include "envs/text/text_answer.h"

namespace agon::envs {
namespace {

constexpr uint32_t kMaxDraws = 10000;

class ProblemEpisode final : public Episode {
 public:
  ProblemEpisode(Verifier verify, std::vector<int64_t> given, const Task& task)
      : verify_(verify), answer_(task.answer), state_(task.state), given_(std::move(given)) {}

  StepResult Step(std::string_view completion, bool truncated) override {
    // The last line of a cut completion may lack its end: "Answer: 1" of "Answer: 12".
    if (truncated) completion = completion.substr(0, completion.rfind('\n') + 1);
    Verdict verdict = verify_(answer_, given_, completion);
    Outcome outcome;
    outcome.parts.push_back({"correct", verdict.correct ? 1.0 : 0.0});
    outcome.terminated = !truncated;
    outcome.truncated = truncated;
    outcome.extracted = std::move(verdict.extracted);
    outcome.reason = std::move(verdict.reason);
    return outcome;
  }

  std::optional<std::string> Demonstrate(Labeler labeler, uint64_t /*variant*/) const override {
    std::string text;
    if (labeler == Labeler::kStepByStep) {
      const auto steps =
          JsonField<std::vector<std::string>>(ParseJson(state_, kStateName), "steps", kStateName);
      for (const std::string& step : steps) text += step + "\n";
    }
    return text + "Answer: " + answer_;
  }

 private:
  static constexpr std::string_view kStateName = "task.state";

  Verifier verify_;
  std::string answer_, state_;
  std::vector<int64_t> given_;
};

class ProblemEnv final : public Env {
 public:
  ProblemEnv(ProblemEnvSpec spec, std::string_view params) : spec_(std::move(spec)) {
    AGON_CHECK(!spec_.families.empty() && spec_.verify != nullptr);
    spec_.info.families.clear();
    for (const ProblemFamily& family : spec_.families) spec_.info.families.push_back(family.name);
    choice_ = ParseTaskChoice(params, spec_.info, spec_.own_keys);
    chosen_spec_ = choice_.Spec(spec_.info);
    for (const ProblemFamily& family : spec_.families) {
      const auto& names = choice_.families;
      if (std::find(names.begin(), names.end(), family.name) != names.end()) {
        chosen_.push_back(&family);
      }
    }
    spec_.info.chance = 0;
    for (const ProblemFamily* family : chosen_) {
      spec_.info.chance += family->chance / static_cast<double>(chosen_.size());
    }
  }

  const EnvInfo& info() const override { return spec_.info; }

  Task Get(Split split, uint64_t seed, uint64_t index) const override {
    const RngKey key{seed, RngStream::kTask, Hash64(spec_.info.id), index, 0};
    Rng kinds(key);
    const ProblemFamily& family = *chosen_[kinds.Below(chosen_.size())];
    const int difficulty =
        static_cast<int>(kinds.Between(choice_.min_difficulty, choice_.max_difficulty));
    for (uint32_t draw = 1; draw <= kMaxDraws; ++draw) {
      Rng rng(key.WithSample(draw));
      Problem problem = family.draw(rng, difficulty);
      if (SplitOf(family.name, problem.identity) != split) continue;
      Task task;
      task.id = {chosen_spec_, split, seed, index};
      task.messages = {{Role::kUser, std::move(problem.question)}};
      task.answer = std::move(problem.answer);
      task.family = family.name;
      task.difficulty = difficulty;
      Json state = {{"steps", problem.steps}, {"given", problem.given}};
      if (!spec_.info.tools.empty()) state["calls"] = problem.calls;
      task.state = state.dump();
      return task;
    }
    throw Error(ErrorKind::kUsage,
                "family \"" + family.name + "\" at difficulty " + std::to_string(difficulty) +
                    " has no task in the " + SplitName(split) + " split",
                chosen_spec_, "choose more families or difficulties");
  }

  std::unique_ptr<Episode> Start(const Task& task) const override {
    CheckIsOf(spec_.info.id, task);
    return std::make_unique<ProblemEpisode>(spec_.verify, GivenOf(task), task);
  }

 private:
  ProblemEnvSpec spec_;
  TaskChoice choice_;
  std::string chosen_spec_;
  std::vector<const ProblemFamily*> chosen_;
};

}  // namespace

std::unique_ptr<Env> MakeProblemEnv(ProblemEnvSpec spec, std::string_view params) {
  return std::make_unique<ProblemEnv>(std::move(spec), params);
}

Split SplitOf(std::string_view family, std::string_view identity) {
  // FNV's low bits mix weakly, so they are stirred before the remainder is taken.
  uint64_t hash = Hash64(identity, Hash64(family));
  hash = (hash ^ (hash >> 32)) * 0x9e3779b97f4a7c15ull;
  switch ((hash >> 32) % 10) {
    case 0:
      return Split::kTest;
    case 1:
      return Split::kVal;
    default:
      return Split::kTrain;
  }
}

Verdict VerifyNumber(std::string_view answer, const std::vector<int64_t>& /*given*/,
                     std::string_view completion) {
  ExtractedAnswer found = ExtractAnswer(completion);
  if (found.text.empty()) return {false, "", std::move(found.problem)};
  const auto value = ParseNumber(found.text), gold = ParseNumber(answer);
  AGON_CHECK(gold.has_value(), answer);
  if (!value) return {false, std::move(found.text), "not one number"};
  const bool correct = *value == *gold;
  return {correct, std::move(found.text),
          correct ? "right" : "wrong, the answer is " + std::string(answer)};
}

Verdict VerifyText(std::string_view answer, const std::vector<int64_t>& /*given*/,
                   std::string_view completion) {
  ExtractedAnswer found = ExtractText(completion);
  if (found.text.empty()) return {false, "", std::move(found.problem)};
  const bool correct = PlainText(found.text) == PlainText(answer);
  return {correct, std::move(found.text),
          correct ? "right" : "wrong, the answer is " + std::string(answer)};
}

}  // namespace agon::envs
