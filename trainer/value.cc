#include "trainer/value.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace agon::trainer {

void ComputeGae(std::span<const double> rewards, std::span<const float> values,
                const GaeConfig& config, std::span<double> advantages, std::span<double> returns) {
  const size_t length = rewards.size();
  AGON_CHECK(values.size() == length && advantages.size() == length && returns.size() == length);
  const double gamma = static_cast<double>(config.gamma);
  const double decay = gamma * static_cast<double>(config.lambda);
  double next_value = 0.0, next_advantage = 0.0;
  for (size_t t = length; t-- > 0;) {
    const double value = static_cast<double>(values[t]);
    next_advantage = rewards[t] + gamma * next_value - value + decay * next_advantage;
    advantages[t] = next_advantage;
    returns[t] = next_advantage + value;
    next_value = value;
  }
}

void Whiten(std::span<double> advantages, std::span<const uint8_t> mask) {
  AGON_CHECK(advantages.size() == mask.size());
  double sum = 0, squares = 0, count = 0;
  for (size_t t = 0; t < mask.size(); ++t) {
    if (!mask[t]) continue;
    sum += advantages[t];
    count += 1.0;
  }
  const double mean = count > 0 ? sum / count : 0.0;
  for (size_t t = 0; t < mask.size(); ++t) {
    if (mask[t]) squares += (advantages[t] - mean) * (advantages[t] - mean);
  }
  const double deviation = count > 0 ? std::sqrt(squares / count) : 0.0;
  for (size_t t = 0; t < mask.size(); ++t) {
    advantages[t] = mask[t] ? (advantages[t] - mean) / (deviation + 1e-8) : 0.0;
  }
}

void ValueStats::Add(const ValueStats& other) {
  loss += other.loss;
  num_tokens += other.num_tokens;
  num_clipped += other.num_clipped;
  return_sum += other.return_sum;
  return_squares += other.return_squares;
  error_squares += other.error_squares;
}

double ValueStats::ExplainedVariance() const {
  const double mean = return_sum / num_tokens;
  const double variance = return_squares / num_tokens - mean * mean;
  return variance > 0 ? 1.0 - error_squares / num_tokens / variance : NAN;
}

ValueStats ValueLoss(std::span<const float> values, std::span<const float> old_values,
                     std::span<const double> returns, std::span<const uint8_t> mask, double clip,
                     double normalizer, std::span<float> dvalues) {
  const size_t count = values.size();
  AGON_CHECK(old_values.size() == count && returns.size() == count && mask.size() == count &&
             dvalues.size() == count);
  std::fill(dvalues.begin(), dvalues.end(), 0.0f);
  ValueStats stats;
  for (size_t t = 0; t < count; ++t) {
    if (!mask[t]) continue;
    const double value = static_cast<double>(values[t]), old = static_cast<double>(old_values[t]);
    const double error = value - returns[t];
    const double held = clip > 0 ? std::clamp(value, old - clip, old + clip) : value;
    const double held_error = held - returns[t];
    const bool clipped = held_error * held_error > error * error;
    stats.loss += 0.5 * (clipped ? held_error * held_error : error * error) / normalizer;
    stats.num_tokens += 1.0;
    stats.num_clipped += clipped;
    stats.return_sum += returns[t];
    stats.return_squares += returns[t] * returns[t];
    stats.error_squares += error * error;
    if (!clipped) dvalues[t] = static_cast<float>(error / normalizer);
  }
  return stats;
}

}  // namespace agon::trainer
