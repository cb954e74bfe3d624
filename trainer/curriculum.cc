#include "trainer/curriculum.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace agon::trainer {

Curriculum::Curriculum(const RlConfig& config, CurriculumState state)
    : spec_(config.env),
      dial_(config.curriculum),
      success_(static_cast<double>(config.curriculum_success)),
      state_(std::move(state)) {
  if (is_active()) {
    levels_ = envs::DialRange(spec_, dial_);
    state_.level = std::clamp(state_.level, levels_.low, levels_.high);
  }
  MakeEnv();
}

void Curriculum::MakeEnv() {
  env_ = envs::MakeEnv(is_active() ? envs::WithDial(spec_, dial_, {levels_.low, state_.level})
                                   : spec_);
}

bool Curriculum::Observe(double correct) {
  if (!is_active() || std::isnan(correct) || state_.level == levels_.high) return false;
  auto& recent = state_.recent;
  recent.push_back(correct);
  if (recent.size() > kWindow) recent.erase(recent.begin());
  const double mean =
      std::accumulate(recent.begin(), recent.end(), 0.0) / static_cast<double>(recent.size());
  if (recent.size() < kWindow || mean < success_) return false;
  recent.clear();
  ++state_.level;
  MakeEnv();
  return true;
}

}  // namespace agon::trainer
