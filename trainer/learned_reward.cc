#include "trainer/learned_reward.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace agon::trainer {
namespace {

bool AllFinite(std::span<const double> scores) {
  return std::all_of(scores.begin(), scores.end(), [](double s) { return std::isfinite(s); });
}

Moments Of(std::span<const double> values) {
  Moments moments;
  for (const double value : values) moments.Add(value);
  return moments;
}

std::vector<double> Scaled(std::span<const double> scores, const std::vector<Moments>& scale) {
  AGON_CHECK(scores.size() == scale.size(), "a scale for each reward model");
  std::vector<double> scaled;
  for (size_t m = 0; m < scores.size(); ++m) scaled.push_back(scale[m].Standardize(scores[m]));
  return scaled;
}

}  // namespace

void Moments::Add(double value) {
  count += 1.0;
  const double before = value - mean;
  mean += before / count;
  squares += before * (value - mean);
}

double Moments::Deviation() const {
  const double variance = count > 0 ? squares / count : 0.0;
  return variance > 0 ? std::sqrt(variance) : 1.0;
}

void ScoreScales::Observe(std::span<const std::vector<double>> scores) {
  for (const std::vector<double>& of_one : scores) {
    if (!AllFinite(of_one)) continue;
    running.resize(of_one.size());
    for (size_t m = 0; m < of_one.size(); ++m) running[m].Add(of_one[m]);
  }
  if (initial.empty()) initial = running;
}

double LearnedReward(std::span<const double> scores, const ScoreScales& scales, RewardScale scale,
                     const LearnedRewardConfig& config) {
  if (!AllFinite(scores)) return NAN;
  if (scale == RewardScale::kNone) return judge::CombineRewards(scores, config.ensemble);
  const auto& moments = scale == RewardScale::kInitial ? scales.initial : scales.running;
  return judge::CombineRewards(Scaled(scores, moments), config.ensemble);
}

double Disagreement(std::span<const double> scores, const ScoreScales& scales) {
  if (!AllFinite(scores)) return NAN;
  const Moments moments = Of(Scaled(scores, scales.initial));
  return std::sqrt(moments.squares / moments.count);
}

float AdaptKlCoef(float coef, double kl, double target) {
  constexpr double kGain = 0.5, kMaxError = 0.2;
  const double error = std::clamp(kl / target - 1.0, -kMaxError, kMaxError);
  return static_cast<float>(static_cast<double>(coef) * (1.0 + kGain * error));
}

}  // namespace agon::trainer
