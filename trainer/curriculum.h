// A curriculum: RL's tasks come from the easiest level of an environment's dial first, and
// from one more whenever the policy does well on those that are open.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "envs/dial.h"
#include "trainer/trainer.h"

namespace agon::trainer {

class Curriculum {
 public:
  // The tasks of config.env; all of its levels from the start if config.curriculum is "".
  // Goes on from `state`. Throws Error(kUsage) if it has no such dial.
  Curriculum(const RlConfig& config, CurriculumState state);

  // Of the levels that are open. Changes when one is opened.
  const std::shared_ptr<const envs::Env>& env() const { return env_; }
  bool is_active() const { return !dial_.empty(); }
  // Highest open level. REQUIRES: is_active().
  int level() const { return state_.level; }
  const CurriculumState& state() const { return state_; }

  // Takes a step's share of right answers (NaN if none was scored). Returns whether a level
  // was opened: after kWindow steps since the last one whose mean is the wanted share.
  bool Observe(double correct);

  static constexpr size_t kWindow = 4;  // steps

 private:
  void MakeEnv();

  std::string spec_, dial_;
  double success_ = 0;
  envs::LevelRange levels_;
  CurriculumState state_;
  std::shared_ptr<const envs::Env> env_;
};

}  // namespace agon::trainer
