// Draws from binomial distributions. Private to arena.
#pragma once

#include <cstdint>

#include "core/rng.h"

namespace agon::arena {

// Number of successes in n trials of probability p. Exact, in a time that doesn't grow with n:
// by inversion where n * min(p, 1 - p) < 10, else by transformed rejection (Hörmann 1993, BTRS).
int64_t DrawBinomial(Rng& rng, int64_t n, double p);

}  // namespace agon::arena
