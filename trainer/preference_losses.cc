#include "trainer/preference_losses.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.h"

namespace agon::trainer {
namespace {

// -log sigmoid(x), without overflow.
double NegativeLogSigmoid(double x) {
  return x > 0 ? std::log1p(std::exp(-x)) : -x + std::log1p(std::exp(x));
}

double Sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

// What reports count: all pairs of a ranking, the best first.
PreferenceStats Count(std::span<const float> scores) {
  PreferenceStats stats;
  for (size_t i = 0; i < scores.size(); ++i) {
    stats.score_sum += static_cast<double>(scores[i]);
    stats.num_scores += 1.0;
    for (size_t j = i + 1; j < scores.size(); ++j) {
      const double margin = static_cast<double>(scores[i]) - static_cast<double>(scores[j]);
      stats.num_pairs += 1.0;
      stats.num_right += margin > 0 ? 1.0 : margin == 0 ? 0.5 : 0.0;
      stats.margin_sum += margin;
    }
  }
  return stats;
}

// Adds weight (2 mean)^2 to the loss.
void Center(std::span<const float> scores, double weight, PreferenceStats& stats,
            std::span<float> dscores) {
  const auto k = static_cast<double>(scores.size());
  const double twice_mean = 2.0 * stats.score_sum / k;
  stats.loss += weight * twice_mean * twice_mean;
  for (float& d : dscores) d += static_cast<float>(weight * 2.0 * twice_mean * 2.0 / k);
}

}  // namespace

void PreferenceStats::Add(const PreferenceStats& other) {
  loss += other.loss;
  num_pairs += other.num_pairs;
  num_right += other.num_right;
  margin_sum += other.margin_sum;
  score_sum += other.score_sum;
  num_scores += other.num_scores;
}

PreferenceStats BradleyTerryLoss(std::span<const float> scores, double margin, double normalizer,
                                 const PreferenceLossConfig& config, std::span<float> dscores) {
  AGON_CHECK(scores.size() == 2 && dscores.size() == 2, "a pair has two scores");
  PreferenceStats stats = Count(scores);
  const double difference = stats.margin_sum - margin;
  stats.loss = NegativeLogSigmoid(difference) / normalizer;
  const double derivative = -Sigmoid(-difference) / normalizer;
  dscores[0] = static_cast<float>(derivative);
  dscores[1] = static_cast<float>(-derivative);
  Center(scores, static_cast<double>(config.centering) / normalizer, stats, dscores);
  return stats;
}

PreferenceStats AllPairsLoss(std::span<const float> scores, double normalizer,
                             const PreferenceLossConfig& config, std::span<float> dscores) {
  const size_t k = scores.size();
  AGON_CHECK(k >= 2 && dscores.size() == k, "a ranking has two scores or more");
  PreferenceStats stats = Count(scores);
  const double weight = 1.0 / (stats.num_pairs * normalizer);
  std::vector<double> derivatives(k);
  for (size_t i = 0; i < k; ++i) {
    for (size_t j = i + 1; j < k; ++j) {
      const double difference = static_cast<double>(scores[i]) - static_cast<double>(scores[j]);
      stats.loss += weight * NegativeLogSigmoid(difference);
      const double derivative = weight * Sigmoid(-difference);
      derivatives[i] -= derivative;
      derivatives[j] += derivative;
    }
  }
  for (size_t i = 0; i < k; ++i) dscores[i] = static_cast<float>(derivatives[i]);
  Center(scores, static_cast<double>(config.centering) / normalizer, stats, dscores);
  return stats;
}

PreferenceStats PlackettLuceLoss(std::span<const float> scores, double normalizer,
                                 const PreferenceLossConfig& config, std::span<float> dscores) {
  const size_t k = scores.size();
  AGON_CHECK(k >= 2 && dscores.size() == k, "a ranking has two scores or more");
  PreferenceStats stats = Count(scores);
  // log sum of exp over each tail, from the last.
  std::vector<double> tails(k);
  tails[k - 1] = static_cast<double>(scores[k - 1]);
  for (size_t i = k - 1; i-- > 0;) {
    const double score = static_cast<double>(scores[i]);
    const double high = std::max(score, tails[i + 1]), low = std::min(score, tails[i + 1]);
    tails[i] = high + std::log1p(std::exp(low - high));
  }
  for (size_t i = 0; i < k; ++i) {
    const double score = static_cast<double>(scores[i]);
    stats.loss += (tails[i] - score) / normalizer;
    double derivative = -1.0;
    for (size_t tail = 0; tail <= i; ++tail) derivative += std::exp(score - tails[tail]);
    dscores[i] = static_cast<float>(derivative / normalizer);
  }
  Center(scores, static_cast<double>(config.centering) / normalizer, stats, dscores);
  return stats;
}

}  // namespace agon::trainer
