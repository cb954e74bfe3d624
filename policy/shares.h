// The part of the arena of weights that each rank steps. Private to policy.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "policy/weights.h"

namespace agon::policy {

// Elements [begin, end).
struct Share {
  int64_t begin = 0, end = 0;

  int64_t size() const { return end - begin; }
  bool operator==(const Share&) const = default;
};

// [0, layout.size()) in `num_shares` parts, in order and as equal as can be: they begin with a
// chunk of kSquaresPerSum elements, or at the nearer end of a tensor that has to stay whole. Some
// may be empty.
std::vector<Share> CutShares(const WeightLayout& layout, int num_shares,
                             const std::function<bool(const TensorSpec&)>& stays_whole);

}  // namespace agon::policy
