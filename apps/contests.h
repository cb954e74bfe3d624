// Models that meet on an environment: what only a main may join, the arena's pairs and the
// judge's contests. Contestants are loaded when they first play, and kept.
#pragma once

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

namespace agon {

class Contests {
 public:
  // `env` as envs::MakeEnv takes it; `judge` as judge::MakeJudge does, "" for the environment's
  // own verdict. Throws what they throw.
  Contests(const std::string& env, const std::string& judge, judge::ContestOptions options)
      : env_(envs::MakeEnv(env)), options_(std::move(options)) {
    if (!judge.empty()) options_.judge = judge::MakeJudge(judge);
    const std::string name = env_->Get(options_.split, options_.seed, 0).id.env;
    decider_ = judge::IsGame(*env_) ? "game" : judge.empty() ? "grader" : "judge";
    subject_ = judge.empty() ? name : judge + " on " + name;
  }

  const std::string& decider() const { return decider_; }  // "game", "grader" or "judge"
  const std::string& subject() const { return subject_; }  // the environment, and the judge if any

  // With a progress bar, and a line on stderr for each model that can't play. `tournament` has
  // this decider and subject.
  arena::TournamentResult RunTournament(arena::Arena& arena, arena::TournamentOptions tournament) {
    tournament.tasks =
        std::string(envs::SplitName(options_.split)) + " " + std::to_string(options_.seed);
    Progress progress("match", tournament.max_matches, "match");
    const arena::TournamentResult result = arena::RunTournament(
        arena, tournament,
        [this](const arena::Model& a, const arena::Model& b, std::span<const uint64_t> tasks) {
          return Play(a, b, tasks);
        },
        [&](const arena::TournamentProgress& now) { progress.Update(now.num_matches, now.pair); });
    progress.Update(result.num_matches);
    progress.Finish();
    for (const std::string& why : result.left_out) std::cerr << "left out " << why << "\n";
    return result;
  }

  // Whether the model in folder `candidate` is stronger than that in `incumbent`, with a
  // progress bar.
  arena::GateResult RunGate(const arena::GateOptions& gate, const std::string& candidate,
                            const std::string& incumbent) {
    const judge::Player challenger = contestants_.Get(candidate);
    const judge::Player holder = contestants_.Get(incumbent);
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
  std::vector<arena::Match> Play(const arena::Model& a, const arena::Model& b,
                                 std::span<const uint64_t> tasks) {
    std::vector<arena::Match> matches;
    for (judge::ContestResult& result : judge::RunContest(
             contestants_.Get(a.location), contestants_.Get(b.location), env_, tasks, options_)) {
      const bool a_first = result.first == 0;
      matches.push_back({.decider = decider_,
                         .subject = subject_,
                         .task = result.task,
                         .model_a = a_first ? a.name : b.name,
                         .model_b = a_first ? b.name : a.name,
                         .score = a_first ? result.score : 1 - result.score,
                         .detail = std::move(result.detail)});
    }
    return matches;
  }

  // Both games of an opening, or the one result of a task twice, as points of the first.
  std::vector<double> PairPoints(const std::vector<judge::ContestResult>& results) const {
    std::map<std::string, std::vector<double>> by_task;
    for (const auto& result : results) by_task[result.task].push_back(result.score);
    std::vector<double> points;
    for (const auto& [task, scores] : by_task) {
      if (decider_ != "game") points.push_back(2 * scores[0]);
      if (scores.size() == 2) points.push_back(scores[0] + scores[1]);
    }
    return points;
  }

  std::shared_ptr<const envs::Env> env_;
  judge::ContestOptions options_;
  judge::Contestants contestants_;
  std::string decider_, subject_;
};

}  // namespace agon
