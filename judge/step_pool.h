// Threads on which environments step while the policy decodes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "envs/env.h"

namespace agon::judge {

struct StepDone {
  uint64_t id = 0;
  envs::StepResult result;
};

// A step that overruns `timeout` is given up: its result is a masked outcome ("timeout"),
// its thread is left behind and replaced. Submit and Take belong to one thread.
class StepPool {
 public:
  // Up to `max_threads` steps run at once; threads start when there is work for them.
  StepPool(int max_threads, std::chrono::milliseconds timeout);
  // Drops what waits, and waits for the steps that run until their time is over.
  ~StepPool();
  StepPool(const StepPool&) = delete;
  StepPool& operator=(const StepPool&) = delete;

  // `step` must own all that it uses: given up, it may run on after the pool is gone. Must
  // not throw.
  void Submit(uint64_t id, std::function<envs::StepResult()> step);
  // A step that has ended, in no particular order. With `may_wait`, blocks while any is under
  // way; nullopt if none has ended. Throws Error(kFailed) when too many steps were given up.
  std::optional<StepDone> Take(bool may_wait);
  // Submitted and not taken.
  int64_t num_in_flight() const { return num_in_flight_; }

 private:
  struct State;

  void StartThread();
  void GiveUpOverdue();

  const int max_threads_;
  const std::chrono::milliseconds timeout_;
  std::shared_ptr<State> state_;  // shared with the threads
  int64_t num_in_flight_ = 0;
  int num_given_up_ = 0;
};

}  // namespace agon::judge
