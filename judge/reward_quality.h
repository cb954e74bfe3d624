// How good a reward model is, on preferences that it hasn't seen. All functions are pure but for
// files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "judge/statistics.h"

namespace agon::judge {

// One held-out preference as a model scored it. Completions stand as labelers ranked them.
struct ScoredPreference {
  std::vector<double> rewards;  // (K), best first, K >= 2
  std::vector<double> lengths;  // (K) tokens
  std::vector<double> gold;     // (K) true worth; empty where it isn't known
  double bayes_accuracy = 0;    // what an oracle reaches on its pairs; 0 where it isn't known
};

// Pairs whose order the model gives about the same probability, sigmoid(|margin|).
struct CalibrationBin {
  double predicted = 0;  // mean of that probability, in [0.5, 1]
  Estimate observed;     // share of pairs that labelers order so
  int64_t num_pairs = 0;
};

struct MarginBin {
  double low = 0, high = 0;  // reward of the better less that of the worse, as labeled
  int64_t num_true = 0;      // pairs that labelers order as the truth has them, or of unknown truth
  int64_t num_wrong = 0;     // pairs that labelers order wrong way round
};

// Intervals are clustered by preference. What can't be known is NaN.
struct RewardQuality {
  std::string model;
  int64_t num_preferences = 0, num_pairs = 0;
  Estimate accuracy;             // share of pairs in the labelers' order; equal rewards count half
  double bayes_accuracy = 0;     // mean over pairs of what an oracle reaches
  Estimate share_of_bayes;       // accuracy / bayes_accuracy
  Estimate gold_accuracy;        // share of pairs of different worth in their true order
  double log_loss = 0;           // mean over pairs of -log sigmoid(margin), nats
  double calibration_error = 0;  // mean over pairs of |predicted - observed| of their bin
  std::vector<CalibrationBin> calibration;  // by predicted probability, of about equally many
  double mean_margin = 0;
  std::vector<MarginBin> margins;
  double reward_mean = 0;
  // Of rewards between completions of one prompt.
  double reward_deviation = 0;
  // What ten more tokens of a reply to one prompt bring, in such deviations: to the model, to the
  // truth, and to the model among replies of equal worth.
  Estimate length_slope, gold_length_slope, length_slope_at_equal_gold;
};

// REQUIRES: finite rewards; lengths, and gold if there is any, of their number.
RewardQuality MeasureRewardQuality(std::string model, std::span<const ScoredPreference> scored);

// "right on 87.2 % [86.1, 88.3] of held-out pairs, an oracle on 88.5 %".
std::string DescribeQuality(const RewardQuality& quality);

// A list of models in one file, whole or not at all; and back. Reading throws kCorrupt; a file that
// isn't there holds none.
void WriteRewardQuality(const std::filesystem::path& file,
                        const std::vector<RewardQuality>& models);
std::vector<RewardQuality> ReadRewardQuality(const std::filesystem::path& file);

}  // namespace agon::judge
