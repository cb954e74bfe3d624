// Ratings that move after every result. They depend on the order of results, so they are a
// live trace and never the ranking. Pure functions.
#pragma once

#include "arena/ratings.h"

namespace agon::arena {

// What a gains and b loses: k * (score - expected), score 1, 1/2 or 0 of a.
double EloGain(double rating_a, double rating_b, double score_a, double k);

// Points of a for an outcome: 1, 1/2 or 0.
double ScoreOfA(Outcome outcome);

}  // namespace agon::arena
