#include <algorithm>

#include "trainer/trainer.h"

namespace agon::trainer {

float Schedule::At(int step, int num_steps) const {
  if (step <= warmup_steps) {
    return learning_rate * static_cast<float>(step) / static_cast<float>(warmup_steps);
  }
  const int decay_steps = std::max(1, num_steps - warmup_steps);
  const float done = static_cast<float>(step - warmup_steps - 1) / static_cast<float>(decay_steps);
  return learning_rate * (1.0f - (1.0f - final_fraction) * std::clamp(done, 0.0f, 1.0f));
}

}  // namespace agon::trainer
