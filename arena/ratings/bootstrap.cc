#include <algorithm>
#include <cmath>

#include "arena/ratings.h"
#include "arena/ratings/binomial.h"
#include "arena/ratings/newton.h"
#include "core/error.h"

namespace agon::arena {
namespace {

// Far below the spread of any resample; Newton's next step would be its square.
constexpr double kSampleToleranceNats = 1e-6;

// All outcomes of all pairs as one multinomial, drawn one conditional binomial after another.
void Resample(std::span<const PairCount> pairs, double total, Rng& rng, std::vector<Row>& rows) {
  int64_t draws_left = std::llround(total);
  double weight_left = total;
  const auto draw = [&](double weight) {
    if (weight <= 0) return 0.0;
    const int64_t count = DrawBinomial(rng, draws_left, std::min(1.0, weight / weight_left));
    weight_left -= weight;
    draws_left -= count;
    return static_cast<double>(count);
  };
  for (size_t i = 0; i < pairs.size(); ++i) {
    rows[i].cell = {draw(pairs[i].a_wins), draw(pairs[i].b_wins), draw(pairs[i].ties)};
  }
}

}  // namespace

std::vector<double> BootstrapStrengths(const Fit& fit, std::span<const PairCount> pairs,
                                       int num_samples, uint64_t seed) {
  AGON_CHECK(num_samples >= 0);
  const size_t n = fit.strength.size();
  Problem whole;
  whole.n = static_cast<int>(n);
  whole.prior_sd = fit.prior_sd > 0 ? std::min(fit.prior_sd, kWidePriorSd) : kWidePriorSd;
  whole.component = fit.component;
  double total = 0;
  for (const PairCount& pair : pairs) {
    whole.rows.push_back({pair.a, pair.b, {}, {}});
    total += pair.a_wins + pair.b_wins + pair.ties;
  }
  std::vector<double> start = fit.strength;
  if (fit.tie_parameter > 0 && std::isfinite(fit.tie_parameter)) {
    whole.ties = fit.ties;
    start.push_back(fit.ties == TieModel::kDavidson ? std::log(fit.tie_parameter)
                                                    : fit.tie_parameter);
  }
  std::vector<double> strengths(static_cast<size_t>(num_samples) * n);
#pragma omp parallel
  {
    Problem problem = whole;
    std::vector<double> x;
#pragma omp for schedule(dynamic, 8)
    for (int sample = 0; sample < num_samples; ++sample) {
      Rng rng({.run_seed = seed,
               .stream = RngStream::kBootstrap,
               .sample = static_cast<uint32_t>(sample)});
      Resample(pairs, total, rng, problem.rows);
      x = start;
      Minimize(problem, kSampleToleranceNats, x);
      std::copy_n(x.begin(), n,
                  strengths.begin() + static_cast<ptrdiff_t>(sample) * static_cast<ptrdiff_t>(n));
    }
  }
  return strengths;
}

}  // namespace agon::arena
