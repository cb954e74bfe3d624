#include "judge/reward_quality.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "judge/text.h"

namespace agon::judge {
namespace {

constexpr size_t kMaxCalibrationBins = 10;
constexpr size_t kMinPairsPerBin = 30;
constexpr size_t kMarginBins = 24;
constexpr double kTokensOfSlope = 10;

// Two completions of a preference, the better one first.
struct Pair {
  size_t preference = 0;
  double margin = 0;
  bool is_known = false;   // their true order
  double gold_margin = 0;  // 0 if equal
};

std::vector<Pair> PairsOf(std::span<const ScoredPreference> scored) {
  std::vector<Pair> pairs;
  for (size_t p = 0; p < scored.size(); ++p) {
    const ScoredPreference& preference = scored[p];
    for (size_t i = 0; i < preference.rewards.size(); ++i) {
      for (size_t j = i + 1; j < preference.rewards.size(); ++j) {
        Pair pair{p, preference.rewards[i] - preference.rewards[j], false, 0};
        if (!preference.gold.empty()) {
          pair.gold_margin = preference.gold[i] - preference.gold[j];
          pair.is_known = true;
        }
        pairs.push_back(pair);
      }
    }
  }
  return pairs;
}

double Right(double margin) { return margin > 0 ? 1.0 : margin == 0 ? 0.5 : 0.0; }

double Sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

// Mean of value(pair) over the pairs for which it is one, by preference.
template <typename Value>
Estimate MeanOverPairs(std::span<const Pair> pairs, size_t num_preferences, const Value& value) {
  std::vector<std::vector<double>> clusters(num_preferences);
  for (const Pair& pair : pairs) {
    const double v = value(pair);
    if (!std::isnan(v)) clusters[pair.preference].push_back(v);
  }
  return ClusteredMean(clusters);
}

void Calibrate(std::vector<Pair> pairs, size_t num_preferences, RewardQuality& quality) {
  std::sort(pairs.begin(), pairs.end(),
            [](const Pair& a, const Pair& b) { return std::abs(a.margin) < std::abs(b.margin); });
  const size_t num_bins =
      std::clamp<size_t>(pairs.size() / kMinPairsPerBin, 1, kMaxCalibrationBins);
  for (size_t bin = 0; bin < num_bins; ++bin) {
    const size_t begin = bin * pairs.size() / num_bins, end = (bin + 1) * pairs.size() / num_bins;
    const std::span<const Pair> own = std::span(pairs).subspan(begin, end - begin);
    CalibrationBin result;
    result.num_pairs = static_cast<int64_t>(own.size());
    for (const Pair& pair : own) result.predicted += Sigmoid(std::abs(pair.margin));
    result.predicted /= static_cast<double>(own.size());
    result.observed =
        MeanOverPairs(own, num_preferences, [](const Pair& pair) { return Right(pair.margin); });
    quality.calibration_error += std::abs(result.predicted - result.observed.value) *
                                 static_cast<double>(own.size()) /
                                 static_cast<double>(pairs.size());
    quality.calibration.push_back(result);
  }
}

// Between the margins that a hundredth of pairs exceeds at either end, where the rest is counted.
void CountMargins(const std::vector<Pair>& pairs, RewardQuality& quality) {
  std::vector<double> sorted;
  for (const Pair& pair : pairs) sorted.push_back(pair.margin);
  std::sort(sorted.begin(), sorted.end());
  const double low = std::min(0.0, sorted[sorted.size() / 100]);
  const double high = std::max(0.0, sorted[sorted.size() - 1 - sorted.size() / 100]);
  if (low == high) return;
  const double width = (high - low) / kMarginBins;
  for (size_t i = 0; i < kMarginBins; ++i) {
    quality.margins.push_back(
        {low + width * static_cast<double>(i), low + width * static_cast<double>(i + 1), 0, 0});
  }
  for (const Pair& pair : pairs) {
    const double place = std::clamp((pair.margin - low) / width, 0.0, kMarginBins - 1.0);
    MarginBin& bin = quality.margins[static_cast<size_t>(place)];
    (pair.is_known && pair.gold_margin < 0 ? bin.num_wrong : bin.num_true) += 1;
  }
}

// Less its preference's mean, all preferences one after another.
std::vector<double> Within(std::span<const ScoredPreference> scored,
                           std::vector<double> ScoredPreference::*field) {
  std::vector<double> within;
  for (const ScoredPreference& preference : scored) {
    const std::vector<double>& values = preference.*field;
    double mean = 0;
    for (const double value : values) mean += value / static_cast<double>(values.size());
    for (const double value : values) within.push_back(value - mean);
  }
  return within;
}

double Dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

double Deviation(const std::vector<double>& within) {
  return std::sqrt(Dot(within, within) / static_cast<double>(within.size()));
}

// Of y on x, both within preferences: sum xy / sum xx, clustered.
Estimate Slope(std::span<const ScoredPreference> scored, const std::vector<double>& x,
               const std::vector<double>& y, double scale) {
  std::vector<double> xy, xx;
  size_t next = 0;
  for (const ScoredPreference& preference : scored) {
    xy.push_back(0);
    xx.push_back(0);
    for (size_t i = 0; i < preference.rewards.size(); ++i, ++next) {
      xy.back() += scale * x[next] * y[next];
      xx.back() += x[next] * x[next];
    }
  }
  return ClusteredRatio(xy, xx);
}

// What of `y` doesn't go with `x`.
std::vector<double> Residual(std::vector<double> y, const std::vector<double>& x) {
  const double squares = Dot(x, x);
  if (squares == 0) return y;
  const double slope = Dot(x, y) / squares;
  for (size_t i = 0; i < y.size(); ++i) y[i] -= slope * x[i];
  return y;
}

void MeasureLength(std::span<const ScoredPreference> scored, bool has_gold,
                   RewardQuality& quality) {
  const auto rewards = Within(scored, &ScoredPreference::rewards);
  const auto lengths = Within(scored, &ScoredPreference::lengths);
  quality.reward_deviation = Deviation(rewards);
  const Estimate unknown{kNan, kNan, kNan, kNan, 0};
  quality.length_slope = quality.gold_length_slope = quality.length_slope_at_equal_gold = unknown;
  if (quality.reward_deviation == 0 || Dot(lengths, lengths) == 0) return;
  const double scale = kTokensOfSlope / quality.reward_deviation;
  quality.length_slope = Slope(scored, lengths, rewards, scale);
  if (!has_gold) return;
  const auto gold = Within(scored, &ScoredPreference::gold);
  if (Dot(gold, gold) == 0) return;
  quality.gold_length_slope = Slope(scored, lengths, gold, kTokensOfSlope / Deviation(gold));
  quality.length_slope_at_equal_gold =
      Slope(scored, Residual(lengths, gold), Residual(rewards, gold), scale);
}

void MeasureAgainstOracle(std::span<const ScoredPreference> scored, const std::vector<Pair>& pairs,
                          RewardQuality& quality) {
  quality.bayes_accuracy = kNan;
  quality.share_of_bayes = {kNan, kNan, kNan, kNan, 0};
  std::vector<double> right(scored.size()), best(scored.size());
  for (const Pair& pair : pairs) {
    const double bayes = scored[pair.preference].bayes_accuracy;
    if (bayes == 0) return;
    right[pair.preference] += Right(pair.margin);
    best[pair.preference] += bayes;
  }
  double sum = 0;
  for (const double value : best) sum += value;
  quality.bayes_accuracy = sum / static_cast<double>(pairs.size());
  quality.share_of_bayes = ClusteredRatio(right, best);
}

}  // namespace

RewardQuality MeasureRewardQuality(std::string model, std::span<const ScoredPreference> scored) {
  AGON_CHECK(!scored.empty(), "preferences to measure on");
  const std::vector<Pair> pairs = PairsOf(scored);
  RewardQuality quality;
  quality.model = std::move(model);
  quality.num_preferences = static_cast<int64_t>(scored.size());
  quality.num_pairs = static_cast<int64_t>(pairs.size());
  const auto count = static_cast<double>(pairs.size());
  for (const Pair& pair : pairs) {
    quality.mean_margin += pair.margin / count;
    // -log sigmoid(x) without overflow.
    quality.log_loss +=
        (std::max(0.0, -pair.margin) + std::log1p(std::exp(-std::abs(pair.margin)))) / count;
  }
  quality.accuracy =
      MeanOverPairs(pairs, scored.size(), [](const Pair& pair) { return Right(pair.margin); });
  quality.gold_accuracy = MeanOverPairs(pairs, scored.size(), [](const Pair& pair) {
    if (!pair.is_known || pair.gold_margin == 0) return kNan;
    return Right(pair.gold_margin > 0 ? pair.margin : -pair.margin);
  });
  double num_rewards = 0;
  bool has_gold = true;
  for (const ScoredPreference& preference : scored) {
    for (const double reward : preference.rewards) quality.reward_mean += reward;
    num_rewards += static_cast<double>(preference.rewards.size());
    has_gold &= !preference.gold.empty();
  }
  quality.reward_mean /= num_rewards;
  MeasureAgainstOracle(scored, pairs, quality);
  Calibrate(pairs, scored.size(), quality);
  CountMargins(pairs, quality);
  MeasureLength(scored, has_gold, quality);
  return quality;
}

std::string DescribeQuality(const RewardQuality& quality) {
  std::string text = "right on " + FormatPercent(quality.accuracy.value);
  if (std::isfinite(quality.accuracy.ci_low)) {
    text += " [" + FormatNumber(100 * quality.accuracy.ci_low, 1) + ", " +
            FormatNumber(100 * quality.accuracy.ci_high, 1) + "]";
  }
  text += " of held-out pairs";
  if (std::isfinite(quality.bayes_accuracy)) {
    text += ", an oracle on " + FormatPercent(quality.bayes_accuracy);
  }
  return text;
}

}  // namespace agon::judge
