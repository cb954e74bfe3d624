#include "trainer/advantages.h"

#include <cmath>

#include "core/error.h"

namespace agon::trainer {

GroupAdvantages ComputeAdvantages(std::span<const std::optional<double>> rewards,
                                  AdvantageKind kind) {
  AGON_CHECK(rewards.size() >= 2, "a group of one has no baseline");
  AGON_CHECK(kind != AdvantageKind::kGae, "a value model's advantages are of tokens");
  const auto scored = [](const std::optional<double>& r) { return r && !std::isnan(*r); };
  GroupAdvantages result;
  result.values.resize(rewards.size());
  double sum = 0.0;
  int count = 0;
  std::optional<double> first;
  bool differ = false;
  for (const auto& r : rewards) {
    if (!scored(r)) continue;
    if (!first) first = *r;
    differ = differ || *r != *first;
    sum += *r;
    ++count;
  }
  if (!differ) {
    result.zero_variance = true;
    return result;
  }
  const double mean = sum / count;
  double squares = 0.0;
  for (const auto& r : rewards) {
    if (scored(r)) squares += (*r - mean) * (*r - mean);
  }
  const double deviation = std::sqrt(squares / (count - 1));
  for (size_t i = 0; i < rewards.size(); ++i) {
    if (!scored(rewards[i])) continue;
    const double centred = *rewards[i] - mean;
    double value = centred;
    if (kind == AdvantageKind::kMeanStd) value = centred / (deviation + 1e-4);
    // r - (sum - r) / (n - 1) = (r - mean) n / (n - 1).
    if (kind == AdvantageKind::kRloo) value = centred * count / (count - 1);
    result.values[i] = static_cast<float>(value);
  }
  return result;
}

bool AssignAdvantages(AdvantageKind kind, Group& group) {
  std::vector<std::optional<double>> rewards;
  for (const Rollout& rollout : group) rewards.push_back(rollout.reward);
  const GroupAdvantages advantages = ComputeAdvantages(rewards, kind);
  for (size_t i = 0; i < group.size(); ++i) group[i].advantage = advantages.values[i];
  return !advantages.zero_variance;
}

}  // namespace agon::trainer
