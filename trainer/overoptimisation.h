// Scaling laws of reward-model over-optimisation: what gold reward does as a policy moves away
// from where it began, fitted while it moves, and where it will turn.
// Source: Gao, Schulman, Hilton 2022, arXiv 2210.10760, equations 1 and 2. All functions are pure.
#pragma once

#include <optional>
#include <span>

namespace agon::trainer {

// KL divergence of best-of-n sampling from the sampler: log n - (n - 1) / n nats. An upper bound
// if scores tie. REQUIRES: n >= 1.
double BestOfNKl(int n);

enum class OveroptimisationLaw {
  kBestOfN,  // R(d) = d (alpha - beta d)
  kRl,       // R(d) = d (alpha - beta log d), R(0) = 0
};

// Gold reward gained over the starting policy at distance d = sqrt(KL).
struct GoldPoint {
  double distance = 0;  // >= 0
  double gain = 0;
};

struct OveroptimisationFit {
  OveroptimisationLaw law = OveroptimisationLaw::kRl;
  double alpha = 0, beta = 0;

  double At(double distance) const;
  // Where gold reward is highest: alpha / (2 beta), or exp(alpha / beta - 1). Absent if the
  // curve never turns (beta <= 0), never rises, or turns beyond any number.
  std::optional<double> Peak() const;
};

// Least squares in alpha and beta. Points whose distance or gain isn't finite, or whose distance
// is 0, don't count. Absent where fewer than three count or they don't tell alpha from beta.
std::optional<OveroptimisationFit> FitOveroptimisation(std::span<const GoldPoint> points,
                                                       OveroptimisationLaw law);

}  // namespace agon::trainer
