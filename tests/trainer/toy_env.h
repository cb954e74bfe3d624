// Environments whose best answer a table of bigrams can learn.
#pragma once

#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "envs/env.h"

namespace agon::trainer {

// Grades a completion of task `index`.
using ToyGrader = envs::Outcome (*)(std::string_view completion, bool truncated, uint64_t index);

class ToyEpisode : public envs::Episode {
 public:
  ToyEpisode(ToyGrader grade, uint64_t index) : grade_(grade), index_(index) {}
  envs::StepResult Step(std::string_view completion, bool truncated) override {
    return grade_(completion, truncated, index_);
  }
  std::optional<std::string> Demonstrate(envs::Labeler labeler, uint64_t) const override {
    return labeler == envs::Labeler::kStepByStep ? "think" : "yes";
  }

 private:
  ToyGrader grade_;
  uint64_t index_;
};

class ToyEnv : public envs::Env {
 public:
  ToyEnv(std::string id, ToyGrader grade) : grade_(grade) { info_.id = std::move(id); }

  const envs::EnvInfo& info() const override { return info_; }
  envs::Task Get(envs::Split split, uint64_t seed, uint64_t index) const override {
    envs::Task task;
    task.id = {info_.id, split, seed, index};
    task.messages = {{Role::kUser, "say " + std::to_string(index)}};
    task.answer = "yes";
    return task;
  }
  std::unique_ptr<envs::Episode> Start(const envs::Task& task) const override {
    return std::make_unique<ToyEpisode>(grade_, task.id.index);
  }

 private:
  envs::EnvInfo info_;
  ToyGrader grade_;
};

inline envs::Outcome ToyReward(std::optional<double> value, bool truncated = false) {
  envs::Outcome outcome;
  outcome.parts = {{"reward", value, 1.0}};
  outcome.terminated = true;
  outcome.truncated = truncated;
  return outcome;
}

// 1 for a completion that starts with a small letter.
inline envs::Outcome GradeLetter(std::string_view text, bool truncated, uint64_t) {
  return ToyReward(!text.empty() && text[0] >= 'a' && text[0] <= 'z' ? 1.0 : 0.0, truncated);
}
// 1 for a completion that ends by itself.
inline envs::Outcome GradeStop(std::string_view, bool truncated, uint64_t) {
  return ToyReward(truncated ? 0.0 : 1.0, truncated);
}
inline envs::Outcome GradeAlwaysRight(std::string_view, bool truncated, uint64_t) {
  return ToyReward(1.0, truncated);
}
// Every third completion (by its first byte) fails in the grader, every third isn't scored.
inline envs::Outcome GradeUnreliably(std::string_view text, bool truncated, uint64_t) {
  const int first = text.empty() ? 0 : static_cast<unsigned char>(text[0]);
  envs::Outcome outcome = ToyReward(first % 2 ? 1.0 : 0.0, truncated);
  if (first % 3 == 1) outcome.masked = envs::Mask{"grader", "out of order"};
  if (first % 3 == 2) outcome.parts[0].value = first % 2 ? std::optional(NAN) : std::nullopt;
  return outcome;
}

}  // namespace agon::trainer
