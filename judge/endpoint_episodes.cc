#include "judge/endpoint_episodes.h"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>

#include "core/error.h"
#include "core/rng.h"
#include "judge/episode.h"
#include "judge/step_pool.h"

namespace agon::judge {
namespace {

constexpr std::chrono::milliseconds kWaitTick{500};

struct Spoken {
  std::shared_ptr<EnvironmentSide> environment;
  Messages conversation;
  Trajectory trajectory;
  bool is_done = false;
};

// What came of one question.
struct EndpointAnswer {
  serve::CompletionReply reply;
  std::string error;
};

std::string WhatOf(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& what) {
    return what.what();
  } catch (...) {
    return "unknown exception";
  }
}

// Unlike serve::CompleteAll, one that fails leaves the others' answers.
std::vector<EndpointAnswer> AskAll(serve::Completer& endpoint,
                                   const std::vector<serve::CompletionRequest>& requests,
                                   const std::function<void(const EndpointWait&)>& on_wait) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<EndpointAnswer> answers(requests.size());
  size_t num_missing = requests.size();
  for (size_t i = 0; i < requests.size(); ++i) {
    endpoint.Complete(requests[i], [&, i](serve::CompletionReply reply, std::exception_ptr error) {
      const std::lock_guard lock(mutex);
      if (error) {
        answers[i].error = WhatOf(error);
      } else if (reply.choices.size() != 1) {
        answers[i].error = "it gave no reply";
      }
      answers[i].reply = std::move(reply);
      if (--num_missing == 0) changed.notify_all();
    });
  }
  std::unique_lock lock(mutex);
  while (!changed.wait_for(lock, kWaitTick, [&] { return num_missing == 0; })) {
    if (!on_wait) continue;
    const EndpointWait wait{endpoint.identity(), num_missing, requests.size(),
                            std::chrono::duration<double>(Clock::now() - start).count()};
    lock.unlock();
    on_wait(wait);
    lock.lock();
  }
  return answers;
}

class EndpointEpisodes {
 public:
  EndpointEpisodes(std::shared_ptr<const envs::Env> env, std::span<const envs::Task> tasks,
                   const ContestOptions& options)
      : env_(std::move(env)),
        options_(options),
        pool_(RolloutOptions().max_step_threads,
              std::chrono::milliseconds(env_->info().step_timeout_ms)) {
    for (const envs::Task& task : tasks) {
      Spoken& one = live_.emplace_back();
      one.environment = std::make_shared<EnvironmentSide>(EnvironmentSide{env_, task, {}});
      one.conversation = task.messages;
      one.trajectory.task = task;
    }
  }

  std::vector<Trajectory> Run(serve::Completer& endpoint) {
    while (TakeTurns(endpoint)) {
    }
    std::vector<Trajectory> trajectories;
    for (Spoken& one : live_) {
      std::vector<envs::Outcome> group = {std::move(one.trajectory.outcome)};
      try {
        env_->ScoreGroup(one.trajectory.task, std::span(&one.trajectory.completion, 1), group);
      } catch (const std::exception& error) {
        group[0] = envs::MaskedOutcome("grader", error.what());
      }
      one.trajectory.outcome = envs::Checked(std::move(group[0]));
      trajectories.push_back(std::move(one.trajectory));
    }
    return trajectories;
  }

 private:
  // One turn of every episode that still runs; false if none does.
  bool TakeTurns(serve::Completer& endpoint) {
    std::vector<size_t> asked;
    std::vector<serve::CompletionRequest> requests;
    for (size_t i = 0; i < live_.size(); ++i) {
      if (live_[i].is_done) continue;
      asked.push_back(i);
      requests.push_back(RequestOf(live_[i]));
    }
    if (asked.empty()) return false;
    std::vector<EndpointAnswer> answers = AskAll(endpoint, requests, options_.on_wait);
    for (size_t k = 0; k < asked.size(); ++k) Hear(asked[k], std::move(answers[k]));
    while (auto step = pool_.Take(/*may_wait=*/true)) Go(live_[step->id], std::move(step->result));
    return true;
  }

  serve::CompletionRequest RequestOf(const Spoken& one) const {
    serve::CompletionRequest request;
    request.prompt = one.conversation;
    request.max_new_tokens = options_.max_new_tokens;
    request.temperature = options_.temperature;
    const envs::TaskId& id = one.trajectory.task.id;
    request.seed = options_.seed ^ SamplingKey(id, one.trajectory.num_turns, 0);
    return request;
  }

  void Hear(size_t episode, EndpointAnswer answer) {
    Spoken& one = live_[episode];
    if (!answer.error.empty()) return End(one, envs::MaskedOutcome("endpoint", answer.error));
    const serve::CompletionChoice& choice = answer.reply.choices[0];
    one.conversation.push_back({Role::kAssistant, choice.text});
    std::string& said = one.trajectory.completion;
    said += (said.empty() ? "" : "\n") + choice.text;
    ++one.trajectory.num_turns;
    const bool is_cut = choice.finish_reason == policy::FinishReason::kLength;
    one.trajectory.length_limited = is_cut;
    pool_.Submit(episode, [environment = one.environment, text = choice.text, is_cut] {
      return environment->Step(text, is_cut);
    });
  }

  void Go(Spoken& one, envs::StepResult result) {
    if (auto* outcome = std::get_if<envs::Outcome>(&result)) return End(one, std::move(*outcome));
    if (one.trajectory.num_turns >= env_->info().max_turns) {
      envs::Outcome outcome;
      outcome.truncated = true;
      outcome.reason = "no turn left";
      return End(one, std::move(outcome));
    }
    for (const Message& message : std::get<envs::Turn>(result).messages) {
      one.conversation.push_back(message);
      one.trajectory.completion +=
          "\n[" + std::string(RoleName(message.role)) + "] " + message.content;
    }
  }

  static void End(Spoken& one, envs::Outcome outcome) {
    one.trajectory.outcome = std::move(outcome);
    one.is_done = true;
    one.environment.reset();
  }

  std::shared_ptr<const envs::Env> env_;
  const ContestOptions& options_;
  std::vector<Spoken> live_;
  StepPool pool_;  // last: it stops before what its steps refer to goes
};

}  // namespace

std::vector<Trajectory> RunEndpointEpisodes(serve::Completer& endpoint,
                                            std::shared_ptr<const envs::Env> env,
                                            std::span<const envs::Task> tasks,
                                            const ContestOptions& options) {
  if (env->info().num_seats != 1) {
    throw Error(ErrorKind::kUnsupported, "games are between model directories", env->info().id,
                "let an endpoint answer tasks of one seat, or name a folder");
  }
  return EndpointEpisodes(std::move(env), tasks, options).Run(endpoint);
}

}  // namespace agon::judge
