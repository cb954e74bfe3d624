#include "judge/step_pool.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "core/error.h"

namespace agon::judge {
namespace {

using Clock = std::chrono::steady_clock;

// Threads left behind in steps that hang, before the run is stopped.
constexpr int kMaxGivenUp = 32;

struct StepJob {
  uint64_t id;
  std::function<envs::StepResult()> step;
};

}  // namespace

struct StepPool::State {
  struct Running {
    uint64_t id;
    Clock::time_point deadline;
    bool given_up = false;
  };

  std::mutex mutex;
  std::condition_variable has_job, has_result;
  std::deque<StepJob> jobs;
  std::deque<StepDone> results;
  std::list<std::shared_ptr<Running>> running;  // in the order of their deadlines
  int num_threads = 0, num_idle = 0;
  bool is_stopping = false;
};

namespace {

// A thread's life. Returns when the pool stops, or when its step was given up.
template <typename State, typename Running>
void Work(const std::shared_ptr<State>& state, std::chrono::milliseconds timeout) {
  std::unique_lock lock(state->mutex);
  while (true) {
    ++state->num_idle;
    state->has_job.wait(lock, [&] { return state->is_stopping || !state->jobs.empty(); });
    --state->num_idle;
    if (state->is_stopping) break;
    StepJob job = std::move(state->jobs.front());
    state->jobs.pop_front();
    const auto running = std::make_shared<Running>(Running{job.id, Clock::now() + timeout});
    state->running.push_back(running);
    lock.unlock();
    envs::StepResult result = job.step();
    job.step = nullptr;  // what it owns may take time to destroy
    lock.lock();
    if (running->given_up) return;  // no longer counted
    state->running.remove(running);
    state->results.push_back({job.id, std::move(result)});
    state->has_result.notify_one();
  }
  --state->num_threads;
  state->has_result.notify_one();
}

}  // namespace

StepPool::StepPool(int max_threads, std::chrono::milliseconds timeout)
    : max_threads_(max_threads), timeout_(timeout), state_(std::make_shared<State>()) {
  AGON_CHECK(max_threads > 0 && timeout.count() > 0);
}

StepPool::~StepPool() {
  std::unique_lock lock(state_->mutex);
  state_->is_stopping = true;
  state_->jobs.clear();
  state_->has_job.notify_all();
  while (state_->num_threads > 0) {
    GiveUpOverdue();
    if (state_->num_threads == 0) break;
    const auto until =
        state_->running.empty() ? Clock::now() + timeout_ : state_->running.front()->deadline;
    state_->has_result.wait_until(lock, until);
  }
}

void StepPool::StartThread() {
  ++state_->num_threads;
  std::thread([state = state_, timeout = timeout_] {
    Work<State, State::Running>(state, timeout);
  }).detach();
}

void StepPool::Submit(uint64_t id, std::function<envs::StepResult()> step) {
  const std::lock_guard lock(state_->mutex);
  state_->jobs.push_back({id, std::move(step)});
  ++num_in_flight_;
  const auto idle = static_cast<size_t>(state_->num_idle);
  if (idle < state_->jobs.size() && state_->num_threads < max_threads_) StartThread();
  state_->has_job.notify_one();
}

// Steps whose time is over get their result now. The lock is held.
void StepPool::GiveUpOverdue() {
  while (!state_->running.empty() && state_->running.front()->deadline <= Clock::now()) {
    State::Running& running = *state_->running.front();
    running.given_up = true;
    state_->results.push_back(
        {running.id, envs::MaskedOutcome("timeout", "the step took longer than " +
                                                        std::to_string(timeout_.count()) + " ms")});
    state_->running.pop_front();
    --state_->num_threads;
    ++num_given_up_;
    if (!state_->jobs.empty()) StartThread();
  }
}

std::optional<StepDone> StepPool::Take(bool may_wait) {
  std::unique_lock lock(state_->mutex);
  while (true) {
    GiveUpOverdue();
    if (num_given_up_ > kMaxGivenUp) {
      throw Error(ErrorKind::kFailed,
                  std::to_string(num_given_up_) + " steps took longer than " +
                      std::to_string(timeout_.count()) + " ms",
                  "environment", "look for what hangs, or raise EnvInfo::step_timeout_ms");
    }
    if (!state_->results.empty()) {
      StepDone done = std::move(state_->results.front());
      state_->results.pop_front();
      --num_in_flight_;
      return done;
    }
    if (!may_wait || num_in_flight_ == 0) return std::nullopt;
    const auto until =
        state_->running.empty() ? Clock::now() + timeout_ : state_->running.front()->deadline;
    state_->has_result.wait_until(lock, until);
  }
}

}  // namespace agon::judge
