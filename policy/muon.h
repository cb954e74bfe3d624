// Muon's step direction. Private to policy.
#pragma once

#include <vector>

#include "policy/backend.h"

namespace agon::policy {

// Replaces `matrix` (rows, cols; multiples of 32) by an approximation of the nearest
// semi-orthogonal matrix: five Newton-Schulz steps with the quintic of Jordan et al. 2024
// (a, b, c) = (3.4445, -4.7750, 2.0315), which brings singular values into about
// [0.7, 1.2]. Products run in the backend's compute type.
void Orthogonalise(Backend& backend, int rows, int cols, std::vector<float>& matrix);

}  // namespace agon::policy
