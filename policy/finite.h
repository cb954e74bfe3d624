// Are a backend's results numbers? Private to policy.
#pragma once

#include <cstdint>

#include "policy/backend.h"

namespace agon::policy {

// Of `count` elements of the compute type, and of fp32. Fetch them: for when something is wrong
// already.
bool IsFinite(Backend& backend, const void* values, int64_t count);
bool AreFloatsFinite(Backend& backend, const float* values, int64_t count);

}  // namespace agon::policy
