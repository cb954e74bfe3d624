#include "trainer/labelers.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/rng.h"

namespace agon::trainer {
namespace {

RngKey LabelKey(const LabelerConfig& config, uint64_t task) {
  return {.run_seed = config.seed, .stream = RngStream::kLabeler, .step = 1, .task = task};
}

}  // namespace

double LabelerUtility(const LabelerConfig& config, int labeler, std::span<const double> parts) {
  Rng taste({.run_seed = config.seed,
             .stream = RngStream::kLabeler,
             .step = 2,
             .task = static_cast<uint64_t>(labeler)});
  double utility = 0;
  for (const double part : parts) {
    utility += std::exp(static_cast<double>(config.disagreement) * taste.Normal()) * part;
  }
  return utility;
}

std::vector<size_t> LabelTask(const LabelerConfig& config, uint64_t task,
                              std::span<const PartValues> completions) {
  Rng rng(LabelKey(config, task));
  const auto labeler = static_cast<int>(rng.Below(static_cast<uint64_t>(config.num_labelers)));
  const bool at_random = rng.Uniform() < 2.0 * static_cast<double>(config.label_noise);
  std::vector<size_t> order(completions.size());
  std::iota(order.begin(), order.end(), size_t{0});
  rng.Shuffle(order);
  if (at_random) return order;
  std::vector<double> utility;
  for (const PartValues& parts : completions) {
    utility.push_back(LabelerUtility(config, labeler, parts));
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return utility[a] > utility[b]; });
  return order;
}

double BayesAccuracy(const LabelerConfig& config, std::span<const PartValues> completions) {
  AGON_CHECK(completions.size() >= 2, "two completions make a pair");
  const double noise = static_cast<double>(config.label_noise);
  double sum = 0, pairs = 0;
  for (size_t a = 0; a < completions.size(); ++a) {
    for (size_t b = a + 1; b < completions.size(); ++b) {
      double beats = 0;
      for (int l = 0; l < config.num_labelers; ++l) {
        const double ua = LabelerUtility(config, l, completions[a]);
        const double ub = LabelerUtility(config, l, completions[b]);
        beats += ua > ub ? 1.0 : ua == ub ? 0.5 : 0.0;
      }
      const double p = noise + (1.0 - 2.0 * noise) * beats / config.num_labelers;
      sum += std::max(p, 1.0 - p);
      pairs += 1.0;
    }
  }
  return sum / pairs;
}

}  // namespace agon::trainer
