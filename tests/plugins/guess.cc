// A plugin for the tests: guess a number in at most four turns. Its parameters make it
// misbehave.
#include <charconv>
#include <cmath>
#include <stdexcept>

#include "core/error.h"
#include "core/rng.h"
#include "envs/env.h"

namespace agon::envs {
namespace {

constexpr int kMaxTurns = 4;

class GuessEpisode final : public Episode {
 public:
  GuessEpisode(int secret, int turn, std::string fault)
      : secret_(secret), turn_(turn), fault_(std::move(fault)) {}

  StepResult Step(std::string_view completion, bool truncated) override {
    if (fault_ == "throw") throw std::runtime_error("the dice fell off the table");
    if (fault_ == "throw_int") throw 7;
    int guess = -1;
    const char* end = completion.data() + completion.size();
    if (std::from_chars(completion.data(), end, guess).ptr != end) guess = -1;
    if (++turn_ < kMaxTurns && guess != secret_) {
      return Turn{{{Role::kUser, guess < secret_ ? "higher" : "lower"}}};
    }
    Outcome outcome;
    outcome.parts = {{"found", fault_ == "nan" ? NAN : guess == secret_ ? 1.0 : 0.0}};
    outcome.terminated = !truncated;
    outcome.truncated = truncated;
    outcome.reason = guess == secret_ ? "right" : "wrong";
    return outcome;
  }
  std::optional<std::string> Demonstrate(Labeler labeler, uint64_t) const override {
    if (labeler == Labeler::kImmediate) return std::to_string(secret_);
    return std::nullopt;
  }
  std::optional<std::string> Save() const override { return std::to_string(turn_); }

 private:
  int secret_, turn_;
  std::string fault_;
};

class GuessEnv final : public Env {
 public:
  explicit GuessEnv(std::string_view params) : params_(params) {
    info_.id = "zz_test/guess-v1";
    info_.summary = "Guess a number";
    info_.families = {"guess"};
    info_.max_turns = kMaxTurns;
    info_.chance = 0.15;
    info_.attributes = {{"range", {"to 20", "to 40"}}};
    if (params_.starts_with("fault=")) fault_ = params_.substr(6);
    if (fault_ == "bad") throw Error(ErrorKind::kUsage, "no such fault", "fault");
    if (params_ == "range=0") range_ = 20;
  }

  const EnvInfo& info() const override { return info_; }
  Task Get(Split split, uint64_t seed, uint64_t index) const override {
    Rng rng({seed, RngStream::kTask, Hash64(info_.id), index});
    // The round decides the split.
    const uint64_t round = rng.Below(100000) * 3 + static_cast<uint64_t>(split);
    Task task;
    task.id = {params_.empty() ? info_.id : info_.id + "(" + params_ + ")", split, seed, index};
    task.messages = {{Role::kUser, "Round " + std::to_string(round) + ": guess."}};
    task.family = "guess";
    task.state = std::to_string(1 + Hash64(task.messages[0].content) % range_);
    task.answer = task.state;
    return task;
  }
  std::unique_ptr<Episode> Start(const Task& task) const override {
    return std::make_unique<GuessEpisode>(std::stoi(task.state), 0, fault_);
  }
  std::unique_ptr<Episode> Restore(const Task& task, std::string_view saved) const override {
    return std::make_unique<GuessEpisode>(std::stoi(task.state), std::stoi(std::string(saved)),
                                          fault_);
  }
  // The first that found it takes all.
  void ScoreGroup(const Task&, std::span<const std::string>,
                  std::span<Outcome> outcomes) const override {
    bool is_taken = false;
    for (Outcome& outcome : outcomes) {
      if (outcome.Reward() == 0) continue;
      if (is_taken) outcome.parts[0].value = 0.5;
      is_taken = true;
    }
  }

 private:
  EnvInfo info_;
  std::string params_, fault_;
  uint64_t range_ = 40;
};

std::unique_ptr<Env> MakeGuess(std::string_view params) {
  return std::make_unique<GuessEnv>(params);
}

REGISTER_ENV("zz_test/guess-v1", MakeGuess);

}  // namespace
}  // namespace agon::envs
