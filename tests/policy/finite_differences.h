// Central differences of an fp64 loss against the engine's fp32 gradient.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "core/rng.h"
#include "policy/policy.h"

namespace agon::policy {

// On three elements of every tensor, whose gradients must be there. `loss()` computes it from
// the policy's weights as they are.
template <typename Loss>
void ExpectFiniteDifferences(Policy& policy, const Loss& loss) {
  Rng rng({.run_seed = 6, .stream = RngStream::kTest});
  for (const std::string& name : policy.TensorNames()) {
    const auto gradient = policy.Gradient(name);
    auto weight = policy.Weight(name);
    double scale = 0;
    for (float g : gradient) scale = std::max(scale, std::abs(static_cast<double>(g)));
    ASSERT_GT(scale, 0.0) << name;
    for (int trial = 0; trial < 3; ++trial) {
      const size_t i = rng.Below(weight.size());
      const float kept = weight[i], step = 1e-3f;
      weight[i] = kept + step;
      const double up_at = weight[i], up = loss();
      weight[i] = kept - step;
      const double down_at = weight[i], down = loss();
      weight[i] = kept;
      EXPECT_NEAR(gradient[i], (up - down) / (up_at - down_at), 1e-4 * scale + 1e-7)
          << name << "[" << i << "]";
    }
  }
}

}  // namespace agon::policy
