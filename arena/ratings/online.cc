#include "arena/online.h"

#include <cmath>

namespace agon::arena {

double EloGain(double rating_a, double rating_b, double score_a, double k) {
  return k * (score_a - 1 / (1 + std::pow(10.0, (rating_b - rating_a) / 400)));
}

double ScoreOfA(Outcome outcome) {
  return outcome == Outcome::kWinA ? 1 : outcome == Outcome::kWinB ? 0 : 0.5;
}

}  // namespace agon::arena
