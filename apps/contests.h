// Models that meet on an environment: what only a main may join, the arena's pairs and the
// judge's contests. Contestants are loaded when they first play, and kept.
#pragma once

#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "arena/gate.h"
#include "arena/tournament.h"
#include "core/progress.h"
#include "envs/env.h"
#include "judge/contest.h"
#include "policy/policy.h"
#include "serve/completer.h"

namespace agon {

class Contests {
 public:
  // `env` as envs::MakeEnv takes it; `judge` as judge::MakeJudge does, "" for the environment's
  // own verdict; contestants and judge compute on `device`, endpoints have `reply_ms` for a try at
  // a reply. Throws what they throw.
  Contests(const std::string& env, const std::string& judge, judge::ContestOptions options,
           const policy::Device& device, int reply_ms = judge::kReplyMs)
      : env_(envs::MakeEnv(env)), options_(std::move(options)), contestants_(device, reply_ms) {
    if (!judge.empty()) options_.judge = judge::MakeJudge(judge, device);
    const std::string name = env_->Get(options_.split, options_.seed, 0).id.env;
    filter_.decider = judge::IsGame(*env_) ? "game" : judge.empty() ? "grader" : "judge";
    filter_.subject = judge.empty() ? name : judge + " on " + name;
  }

  // Lets the matches of these contests through.
  const arena::Filter& filter() const { return filter_; }

  // With a progress bar, and a line on stderr for each model that can't play.
  arena::TournamentResult RunTournament(arena::Arena& arena, arena::TournamentOptions tournament) {
    if (filter_.decider == "game" && tournament.why_not) {
      tournament.why_not = [other = tournament.why_not](const arena::Model& model) {
        return serve::IsEndpoint(model.location)
                   ? "it is an endpoint, and games are between model directories"
                   : other(model);
      };
    }
    tournament.decider = filter_.decider;
    tournament.subject = filter_.subject;
    tournament.tasks =
        std::string(envs::SplitName(options_.split)) + " " + std::to_string(options_.seed);
    Progress progress("match", tournament.max_matches, "match");
    arena::TournamentProgress now;
    const auto on_wait = [&](const judge::EndpointWait& wait) {
      progress.Update(now.num_matches, WaitText(wait));
    };
    const arena::TournamentResult result = arena::RunTournament(
        arena, tournament,
        [&](const arena::Model& a, const arena::Model& b, std::span<const uint64_t> tasks) {
          return Play(a, b, tasks, on_wait);
        },
        [&](const arena::TournamentProgress& next) {
          now = next;
          progress.Update(now.num_matches, now.pair);
        });
    progress.Update(result.num_matches);
    progress.Finish();
    for (const std::string& why : result.left_out) std::cerr << "left out " << why << "\n";
    return result;
  }

  // Whether the model in folder `candidate` is stronger than that in `incumbent`, with a
  // progress bar.
  arena::GateResult RunGate(const arena::GateOptions& gate, const std::string& candidate,
                            const std::string& incumbent) {
    const judge::Contestant challenger = contestants_.Get(candidate);
    const judge::Contestant holder = contestants_.Get(incumbent);
    Progress progress("gate", gate.max_tasks, "task");
    const arena::GateResult result = arena::RunGate(
        gate,
        [&](std::span<const uint64_t> tasks) {
          return PairPoints(judge::RunContest(challenger, holder, env_, tasks, options_));
        },
        [&](const arena::GateResult& now) {
          progress.Update(now.num_tasks, arena::GateText(now, gate));
        });
    progress.Finish();
    return result;
  }

 private:
  // "12 s for 127.0.0.1:8000/v1#nano, 3 of 16 replies missing": what a narrow terminal cuts is
  // what matters least.
  static std::string WaitText(const judge::EndpointWait& wait) {
    const size_t scheme = wait.endpoint.find("://");
    return std::to_string(static_cast<int>(wait.seconds)) + " s for " +
           wait.endpoint.substr(scheme == wait.endpoint.npos ? 0 : scheme + 3) + ", " +
           std::to_string(wait.num_missing) + " of " + std::to_string(wait.num_asked) +
           " replies missing";
  }

  arena::ContestOutcome Play(const arena::Model& a, const arena::Model& b,
                             std::span<const uint64_t> tasks,
                             const std::function<void(const judge::EndpointWait&)>& on_wait) {
    arena::ContestOutcome outcome;
    int num_undecided = 0;
    std::string last_why;
    judge::ContestOptions options = options_;
    options.on_wait = on_wait;
    options.on_undecided = [&](const std::string& task, const std::string& why) {
      ++num_undecided;
      last_why = task + ": " + why;
    };
    options.on_silent = [&](int contestant, const std::string& why) {
      outcome.silent = contestant == 0 ? a.name : b.name;
      outcome.why = why;
    };
    for (judge::ContestResult& result : judge::RunContest(
             contestants_.Get(a.location), contestants_.Get(b.location), env_, tasks, options)) {
      const bool a_first = result.first == 0;
      outcome.matches.push_back({.decider = filter_.decider,
                                 .subject = filter_.subject,
                                 .task = result.task,
                                 .model_a = a_first ? a.name : b.name,
                                 .model_b = a_first ? b.name : a.name,
                                 .score = a_first ? result.score : 1 - result.score,
                                 .detail = std::move(result.detail)});
    }
    if (num_undecided > 0) {
      std::cerr << "\nundecided, and nobody's loss: " << num_undecided << " between " << a.name
                << " and " << b.name << "; the last, " << last_why << "\n";
    }
    return outcome;
  }

  // Both games of an opening, or the one result of a task twice, as points of the first.
  std::vector<double> PairPoints(const std::vector<judge::ContestResult>& results) const {
    std::map<std::string, std::vector<double>> by_task;
    for (const auto& result : results) by_task[result.task].push_back(result.score);
    std::vector<double> points;
    for (const auto& [task, scores] : by_task) {
      if (filter_.decider != "game") points.push_back(2 * scores[0]);
      if (scores.size() == 2) points.push_back(scores[0] + scores[1]);
    }
    return points;
  }

  std::shared_ptr<const envs::Env> env_;
  judge::ContestOptions options_;
  judge::Contestants contestants_;
  arena::Filter filter_;
};

}  // namespace agon
