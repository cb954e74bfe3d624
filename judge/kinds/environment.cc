#include <utility>

#include "core/error.h"
#include "envs/choice.h"
#include "judge/kinds/kinds.h"

namespace agon::judge {
namespace {

// The assistant's turns of a conversation and the reply, checked against what the task says
// first.
std::vector<std::string_view> TurnsOf(const Question& question, const envs::Task& task,
                                      std::string_view reply) {
  std::vector<std::string_view> turns;
  const Messages& messages = question.messages;
  const bool begins_with_prompt = !messages.empty() && messages[0].role != Role::kAssistant;
  for (size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].role == Role::kAssistant) {
      turns.push_back(messages[i].content);
    } else if (turns.empty() && (i >= task.messages.size() || messages[i] != task.messages[i])) {
      throw Error(ErrorKind::kUsage, "the conversation is not that of the task", "messages",
                  "give the task's own, as rl-env play shows it, or only the reply");
    }
  }
  if (begins_with_prompt && messages.size() < task.messages.size()) {
    throw Error(ErrorKind::kUsage, "the conversation lacks a part of the task's", "messages");
  }
  turns.push_back(reply);
  return turns;
}

Verdict VerdictOf(envs::Outcome outcome) {
  outcome = envs::Checked(std::move(outcome));
  if (outcome.masked) {
    return MaskedVerdict(std::move(outcome.masked->kind), std::move(outcome.masked->reason));
  }
  Verdict verdict;
  verdict.score = outcome.Reward();
  for (const envs::RewardPart& part : outcome.parts) {
    if (part.seat == 0 && part.value)
      verdict.parts.push_back({part.name, *part.value, part.weight});
  }
  verdict.reason = std::move(outcome.reason);
  return verdict;
}

class EnvironmentJudge final : public Judge {
 public:
  EnvironmentJudge(const std::string& name, const std::string& spec)
      : spec_(spec), env_(envs::MakeEnv(spec)) {
    const envs::EnvInfo& env = env_->info();
    if (env.num_seats > 1) {
      throw Error(ErrorKind::kUnsupported, "games of several seats have no single reply to judge",
                  name);
    }
    const envs::SpecText text = envs::SplitSpec(spec);
    info_.name = name;
    info_.fingerprint = "env:" + env.id + "(" + std::string(text.params) + ")";
    info_.highest = env.max_reward;
  }
  const JudgeInfo& info() const override { return info_; }

 protected:
  Verdict DoScore(const Question& question, std::string_view reply) const override {
    if (!question.task) {
      throw Error(ErrorKind::kUsage, "this judge needs a task", "task",
                  "give {\"split\": \"test\", \"seed\": 0, \"index\": 7}");
    }
    const std::string& named = question.task->env;
    if (!named.empty() && named != spec_ && named != env_->info().id) {
      throw Error(ErrorKind::kUsage, "the task is of " + named, "task.env",
                  "this judge is for " + spec_);
    }
    const envs::Task task =
        env_->Get(question.task->split, question.task->seed, question.task->index);
    const std::vector<std::string_view> turns = TurnsOf(question, task, reply);
    const auto episode = env_->Start(task);
    for (size_t i = 0; i < turns.size(); ++i) {
      envs::StepResult result = episode->Step(turns[i], /*truncated=*/false);
      auto* outcome = std::get_if<envs::Outcome>(&result);
      if (outcome == nullptr) continue;
      if (i + 1 == turns.size()) return VerdictOf(std::move(*outcome));
      throw Error(ErrorKind::kUsage,
                  "the episode was over after turn " + std::to_string(i + 1) + " of " +
                      std::to_string(turns.size()),
                  "messages");
    }
    return MaskedVerdict("unfinished", "the episode goes on after the reply");
  }

 private:
  const std::string spec_;
  const std::unique_ptr<envs::Env> env_;
  JudgeInfo info_;
};

}  // namespace

std::unique_ptr<Judge> MakeEnvironmentJudge(const std::string& name, const std::string& spec) {
  return std::make_unique<EnvironmentJudge>(name, spec);
}

}  // namespace agon::judge
