#include "judge/episode.h"

#include <exception>
#include <span>
#include <utility>

#include "core/error.h"

namespace agon::judge {
namespace {

void AppendContext(std::span<const int32_t> ids, Trajectory& trajectory) {
  trajectory.tokens.insert(trajectory.tokens.end(), ids.begin(), ids.end());
  trajectory.action_mask.resize(trajectory.tokens.size(), 0);
  trajectory.rollout_logprobs.resize(trajectory.tokens.size(), 0.0f);
}

void AppendSampled(const policy::Completion& completion, Trajectory& trajectory) {
  AGON_CHECK(completion.tokens.size() == completion.rollout_logprobs.size());
  trajectory.tokens.insert(trajectory.tokens.end(), completion.tokens.begin(),
                           completion.tokens.end());
  trajectory.action_mask.resize(trajectory.tokens.size(), 1);
  trajectory.rollout_logprobs.insert(trajectory.rollout_logprobs.end(),
                                     completion.rollout_logprobs.begin(),
                                     completion.rollout_logprobs.end());
  trajectory.length_limited = completion.finish_reason == policy::FinishReason::kLength;
  trajectory.policy_version = completion.policy_version;
  ++trajectory.num_turns;
}

envs::Outcome TruncatedOutcome(std::string reason) {
  envs::Outcome outcome;
  outcome.truncated = true;
  outcome.reason = std::move(reason);
  return outcome;
}

void AppendLine(const std::string& text, std::string& lines) {
  if (!lines.empty()) lines += "\n";
  lines += text;
}

}  // namespace

std::string TaskLabel(const envs::TaskId& id) {
  return id.env + " " + envs::SplitName(id.split) + " task " + std::to_string(id.index);
}

uint64_t SamplingKey(const envs::TaskId& id, int turn, int seat) {
  std::string name =
      TaskLabel(id) + " seed " + std::to_string(id.seed) + " turn " + std::to_string(turn);
  if (seat > 0) name += " seat " + std::to_string(seat);
  return Hash64(name);
}

envs::StepResult EnvironmentSide::Step(const std::string& text, bool truncated) {
  try {
    if (!episode) episode = env->Start(task);
    envs::StepResult result = episode->Step(text, truncated);
    if (auto* outcome = std::get_if<envs::Outcome>(&result)) {
      return envs::Checked(std::move(*outcome));
    }
    const int seat = std::get<envs::Turn>(result).seat;
    if (seat >= 0 && seat < env->info().num_seats) return result;
    return envs::MaskedOutcome("environment", "there is no seat " + std::to_string(seat));
  } catch (const std::exception& error) {
    return envs::MaskedOutcome("grader", error.what());
  } catch (...) {
    return envs::MaskedOutcome("grader", "unknown exception");
  }
}

LiveEpisode::LiveEpisode(std::shared_ptr<const envs::Env> env, const envs::Task& task,
                         uint32_t sample, std::vector<Player> players)
    : environment_(std::make_shared<EnvironmentSide>(EnvironmentSide{std::move(env), task, {}})),
      players_(std::move(players)),
      trajectories_(players_.size()) {
  for (size_t seat = 0; seat < trajectories_.size(); ++seat) {
    trajectories_[seat].task = task;
    trajectories_[seat].sample = sample;
    trajectories_[seat].seat = static_cast<int>(seat);
  }
}

void LiveEpisode::Open(const std::vector<int32_t>& prompt, const std::string& prefill) {
  prefill_ = prefill;
  Trajectory& trajectory = trajectories_[static_cast<size_t>(seat_)];
  trajectory.prompt_tokens = static_cast<int>(prompt.size());
  AppendContext(prompt, trajectory);
}

std::string LiveEpisode::Say(const policy::Completion& completion) {
  Trajectory& trajectory = trajectories_[static_cast<size_t>(seat_)];
  std::string text =
      std::exchange(prefill_, {}) + player().chat->DecodeCompletion(completion.tokens);
  AppendSampled(completion, trajectory);
  AppendLine(text, trajectory.completion);
  AppendLine(text, said_);
  return text;
}

void LiveEpisode::Answer(envs::StepResult result) {
  if (auto* outcome = std::get_if<envs::Outcome>(&result)) {
    End(std::move(*outcome));
  } else {
    Continue(std::get<envs::Turn>(result));
  }
}

void LiveEpisode::End(envs::Outcome outcome) {
  outcome_ = std::move(outcome);
  done_ = true;
  environment_.reset();
}

void LiveEpisode::Continue(const envs::Turn& turn) {
  seat_ = turn.seat;
  Trajectory& trajectory = trajectories_[static_cast<size_t>(seat_)];
  const bool is_first = trajectory.tokens.empty();
  std::vector<int32_t> ids;
  // A seat that comes in later is told something else than the task says.
  if (!is_first || turn.messages != trajectory.task.messages) {
    for (const Message& message : turn.messages) {
      // A drawing, as of a board, begins on a line of its own.
      const char* const gap = message.content.find('\n') == std::string::npos ? " " : "\n";
      AppendLine("[" + std::string(RoleName(message.role)) + "]" + gap + message.content,
                 trajectory.completion);
    }
  }
  if (is_first) {
    ids = player().chat->EncodePrompt(turn.messages);
  } else {
    // A turn that the limit cut has no stop token of its own to close it.
    if (trajectory.length_limited) ids.push_back(player().chat->stop_token_id());
    const auto continuation = player().chat->EncodeContinuation(turn.messages);
    ids.insert(ids.end(), continuation.begin(), continuation.end());
  }
  const int room =
      player().policy->config().max_positions - static_cast<int>(trajectory.tokens.size());
  if (trajectory.num_turns >= environment_->env->info().max_turns) {
    End(TruncatedOutcome("no turn left"));
  } else if (static_cast<int>(ids.size()) >= room) {
    trajectory.context_full = true;
    End(TruncatedOutcome("the context is full"));
  } else if (is_first) {
    Open(ids);
  } else {
    AppendContext(ids, trajectory);
  }
}

Trajectory LiveEpisode::Take(int seat) {
  AGON_CHECK(done_);
  Trajectory trajectory = std::move(trajectories_[static_cast<size_t>(seat)]);
  trajectory.outcome = outcome_;
  return trajectory;
}

}  // namespace agon::judge
