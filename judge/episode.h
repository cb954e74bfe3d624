// One episode while it runs: its environment's side, and a trajectory for each seat.
// Private to judge.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "judge/rollout.h"

namespace agon::judge {

// "math/shop-v1 train task 12".
std::string TaskLabel(const envs::TaskId& id);

// Names the random numbers of one completion: a task keeps them wherever it stands in the
// batch; every turn and seat has its own.
uint64_t SamplingKey(const envs::TaskId& id, int turn, int seat);

// What a step needs. Shared with the step's thread, which may outlive the rollout.
struct EnvironmentSide {
  std::shared_ptr<const envs::Env> env;
  envs::Task task;
  std::unique_ptr<envs::Episode> episode;  // started by the first step

  // Never throws: what goes wrong is a masked outcome.
  envs::StepResult Step(const std::string& text, bool truncated);
};

class LiveEpisode {
 public:
  // `players` (num_seats) speak for the seats.
  LiveEpisode(std::shared_ptr<const envs::Env> env, const envs::Task& task, uint32_t sample,
              std::vector<Player> players);

  const std::shared_ptr<EnvironmentSide>& environment() const { return environment_; }
  // Whose turn it is, and the conversation so far.
  int seat() const { return seat_; }
  const Player& player() const { return players_[static_cast<size_t>(seat_)]; }
  const Trajectory& acting() const { return trajectories_[static_cast<size_t>(seat_)]; }
  bool done() const { return done_; }

  // The acting seat's prompt before its first turn, which ends in `prefill`: words put into
  // the seat's mouth.
  void Open(const std::vector<int32_t>& prompt, const std::string& prefill = "");
  // The acting seat has spoken. Returns its text.
  std::string Say(const policy::Completion& completion);
  // What the environment made of it.
  void Answer(envs::StepResult result);

  // All that was said, in order, for Env::ScoreGroup and reports.
  const std::string& said() const { return said_; }
  envs::Outcome& outcome() { return outcome_; }
  // The seat's trajectory with its outcome. REQUIRES: done().
  Trajectory Take(int seat);

 private:
  void End(envs::Outcome outcome);
  void Continue(const envs::Turn& turn);

  std::shared_ptr<EnvironmentSide> environment_;
  std::vector<Player> players_;
  std::vector<Trajectory> trajectories_;  // by seat
  std::string said_;
  std::string prefill_;  // until the turn that it begins
  envs::Outcome outcome_;
  int seat_ = 0;
  bool done_ = false;
};

}  // namespace agon::judge
