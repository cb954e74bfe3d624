// Losses of reward models: pure functions from scores to a loss and its derivative.
#pragma once

#include <cstdint>
#include <span>

namespace agon::trainer {

struct PreferenceLossConfig {
  float centering = 0.01f;  // weight of mean((r_chosen + r_rejected)^2); 0: off
};

// Sums over preferences; add those of micro-batches.
struct PreferenceStats {
  double loss = 0;        // already divided by the normalizer, centering included
  double num_pairs = 0;   // of a ranking of K: K (K - 1) / 2
  double num_right = 0;   // pairs whose better one has the higher score; equals count half
  double margin_sum = 0;  // score of the better less that of the worse
  double score_sum = 0;   // over completions
  double num_scores = 0;

  void Add(const PreferenceStats& other);
};

// Bradley-Terry on one pair:
//   -log sigmoid(chosen - rejected - margin) + centering (chosen + rejected)^2,
// divided by `normalizer` (preferences of the optimizer step). scores = {chosen, rejected};
// writes dloss/dscore (2). Centering as in TRL's RewardTrainer, from Eisenstein et al. 2023
// (arXiv 2312.09244); the loss as in Ouyang et al. 2022.
PreferenceStats BradleyTerryLoss(std::span<const float> scores, double margin, double normalizer,
                                 const PreferenceLossConfig& config, std::span<float> dscores);

// Bradley-Terry on all pairs of a ranking of K completions, the best first:
//   -1/C(K,2) sum_{i<j} log sigmoid(s_i - s_j) + centering (2 mean_k s_k)^2,
// divided by `normalizer`: a ranking counts as much as a pair does (Ouyang et al. 2022, equation
// 1). For K = 2 it is the above without a margin. Writes dloss/dscore (K).
PreferenceStats AllPairsLoss(std::span<const float> scores, double normalizer,
                             const PreferenceLossConfig& config, std::span<float> dscores);

// Plackett-Luce on a ranking of K completions, the best first:
//   -sum_k [s_k - log sum_{j >= k} exp s_j] + centering (2 mean_k s_k)^2,
// divided by `normalizer`: for K = 2 it is Bradley-Terry without a margin. Writes dloss/dscore (K).
PreferenceStats PlackettLuceLoss(std::span<const float> scores, double normalizer,
                                 const PreferenceLossConfig& config, std::span<float> dscores);

}  // namespace agon::trainer
