#include "judge/rollout.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "core/error.h"

namespace agon::judge {
namespace {

struct LiveEpisode {
  Trajectory trajectory;
  std::unique_ptr<envs::Episode> episode;
  bool done = false;
};

std::string TaskLabel(const envs::TaskId& id) {
  return id.env + " " + envs::SplitName(id.split) + " task " + std::to_string(id.index);
}

// A task keeps its random numbers wherever it stands in the batch; every turn has its own.
uint64_t SamplingKey(const envs::TaskId& id, int turn) {
  return Hash64(TaskLabel(id) + " seed " + std::to_string(id.seed) + " turn " +
                std::to_string(turn));
}

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

envs::StepResult GradeSafely(envs::Episode& episode, std::string_view text, bool truncated) {
  try {
    envs::StepResult result = episode.Step(text, truncated);
    if (auto* outcome = std::get_if<envs::Outcome>(&result)) {
      return envs::Checked(std::move(*outcome));
    }
    return result;
  } catch (const std::exception& error) {
    return envs::MaskedOutcome("grader", error.what());
  } catch (...) {
    return envs::MaskedOutcome("grader", "unknown exception");
  }
}

class Rollout {
 public:
  Rollout(policy::Policy& policy, const datasets::ChatTemplate& chat, const envs::Env& env,
          const RolloutOptions& options)
      : policy_(policy), chat_(chat), env_(env), options_(options), sampling_(options.sampling) {
    sampling_.stop_token_ids = {chat.stop_token_id()};
  }

  std::vector<Trajectory> Run(std::span<const envs::Task> tasks, const RngKey& key) {
    Start(tasks);
    for (int turn = 0; NumDone() < static_cast<int64_t>(live_.size()); ++turn) {
      const std::vector<size_t> acting = PlanRound(turn);
      const auto completions = policy_.Generate(prompts_, sampling_, key);
      AGON_CHECK(completions.size() == acting.size());
      Grade(acting, completions);
      if (options_.on_progress) {
        options_.on_progress(NumDone(), static_cast<int64_t>(live_.size()));
      }
    }
    std::vector<Trajectory> trajectories;
    trajectories.reserve(live_.size());
    for (LiveEpisode& live : live_) trajectories.push_back(std::move(live.trajectory));
    return trajectories;
  }

 private:
  void Start(std::span<const envs::Task> tasks);
  std::vector<size_t> PlanRound(int turn);
  void Grade(std::span<const size_t> acting, std::span<const policy::Completion> completions);
  void Advance(const policy::Completion& completion, LiveEpisode& live) const;
  void Continue(const envs::Turn& turn, LiveEpisode& live) const;

  int64_t NumDone() const {
    return std::count_if(live_.begin(), live_.end(), [](const auto& live) { return live.done; });
  }
  int RoomTokens(const Trajectory& trajectory) const {
    return policy_.config().max_positions - static_cast<int>(trajectory.tokens.size());
  }

  policy::Policy& policy_;
  const datasets::ChatTemplate& chat_;
  const envs::Env& env_;
  const RolloutOptions& options_;
  policy::Sampling sampling_;
  std::vector<LiveEpisode> live_;  // by (task, sample)
  std::vector<policy::Prompt> prompts_;
};

void Rollout::Start(std::span<const envs::Task> tasks) {
  live_.reserve(tasks.size() * static_cast<size_t>(options_.num_samples));
  for (const envs::Task& task : tasks) {
    const std::vector<int32_t> prompt = chat_.EncodePrompt(task.messages);
    if (static_cast<int>(prompt.size()) >= policy_.config().max_positions) {
      throw Error(ErrorKind::kUsage,
                  "the prompt has " + std::to_string(prompt.size()) +
                      " tokens and leaves no room in the model's context of " +
                      std::to_string(policy_.config().max_positions),
                  TaskLabel(task.id), "choose easier tasks or a model with a longer context");
    }
    for (int sample = 0; sample < options_.num_samples; ++sample) {
      LiveEpisode live;
      live.trajectory.task = task;
      live.trajectory.sample = static_cast<uint32_t>(sample);
      live.trajectory.prompt_tokens = static_cast<int>(prompt.size());
      AppendContext(prompt, live.trajectory);
      live.episode = env_.Start(task);
      live_.push_back(std::move(live));
    }
  }
}

// Fills prompts_ and returns the episode of each completion to come. The samples of a task
// share their first prompt; after an answer of the environment each has its own.
std::vector<size_t> Rollout::PlanRound(int turn) {
  prompts_.clear();
  std::vector<size_t> acting;
  for (size_t i = 0; i < live_.size(); ++i) {
    if (live_[i].done) continue;
    const Trajectory& trajectory = live_[i].trajectory;
    acting.push_back(i);
    if (turn == 0 && trajectory.sample > 0) continue;
    policy::Prompt prompt;
    prompt.tokens = trajectory.tokens;
    prompt.max_new_tokens = std::min(options_.max_new_tokens, RoomTokens(trajectory));
    prompt.task = SamplingKey(trajectory.task.id, turn);
    prompt.first_sample = trajectory.sample;
    prompt.num_samples = turn == 0 ? options_.num_samples : 1;
    prompts_.push_back(std::move(prompt));
  }
  return acting;
}

void Rollout::Grade(std::span<const size_t> acting,
                    std::span<const policy::Completion> completions) {
  std::exception_ptr failure;
#pragma omp parallel for schedule(dynamic, 1)
  for (size_t i = 0; i < acting.size(); ++i) {
    try {
      Advance(completions[i], live_[acting[i]]);
    } catch (...) {
#pragma omp critical(agon_rollout_failure)
      failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

void Rollout::Advance(const policy::Completion& completion, LiveEpisode& live) const {
  Trajectory& trajectory = live.trajectory;
  const std::string text = chat_.DecodeCompletion(completion.tokens);
  AppendSampled(completion, trajectory);
  if (!trajectory.completion.empty()) trajectory.completion += "\n";
  trajectory.completion += text;
  envs::StepResult result = GradeSafely(*live.episode, text, trajectory.length_limited);
  if (auto* outcome = std::get_if<envs::Outcome>(&result)) {
    trajectory.outcome = std::move(*outcome);
    live.done = true;
  } else {
    Continue(std::get<envs::Turn>(result), live);
  }
}

void Rollout::Continue(const envs::Turn& turn, LiveEpisode& live) const {
  Trajectory& trajectory = live.trajectory;
  std::vector<int32_t> ids;
  // A turn that the limit cut has no stop token of its own to close it.
  if (trajectory.length_limited) ids.push_back(chat_.stop_token_id());
  const std::vector<int32_t> continuation = chat_.EncodeContinuation(turn.messages);
  ids.insert(ids.end(), continuation.begin(), continuation.end());
  if (trajectory.num_turns >= env_.info().max_turns) {
    trajectory.outcome = TruncatedOutcome("no turn left");
  } else if (static_cast<int>(ids.size()) >= RoomTokens(trajectory)) {
    trajectory.outcome = TruncatedOutcome("the context is full");
  } else {
    AppendContext(ids, trajectory);
    return;
  }
  live.done = true;
}

}  // namespace

int Trajectory::CompletionTokens() const {
  return static_cast<int>(std::count(action_mask.begin(), action_mask.end(), uint8_t{1}));
}

std::vector<Trajectory> RunEpisodes(policy::Policy& policy, const datasets::ChatTemplate& chat,
                                    const envs::Env& env, std::span<const envs::Task> tasks,
                                    const RolloutOptions& options, const RngKey& key) {
  AGON_CHECK(options.num_samples > 0 && options.max_new_tokens > 0);
  return Rollout(policy, chat, env, options).Run(tasks, key);
}

}  // namespace agon::judge
