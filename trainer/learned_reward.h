// Rewards by models that learned them from preferences: one number from those of several models,
// on a scale that a run can be judged by. All functions are pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "judge/reward_checkpoints.h"

namespace agon::trainer {

// What a score is measured in before scores are combined and weighted.
enum class RewardScale {
  kNone,     // as the model gives it
  kInitial,  // deviations from the mean of the policy that RL starts from
  kRunning,  // deviations from the mean of all that was scored so far
};

struct LearnedRewardConfig {
  std::vector<std::string> models;  // empty: only the environment rewards
  float weight = 1.0f;
  // Of the environment's own reward beside it. 0: that one is only measured, as the gold that the
  // learned reward stands for.
  float env_weight = 1.0f;
  judge::EnsembleConfig ensemble;  // how the scores of several become one
  RewardScale scale = RewardScale::kInitial;

  bool is_on() const { return !models.empty(); }
};

// Mean and deviation of numbers that come one by one (Welford).
struct Moments {
  double count = 0, mean = 0, squares = 0;  // sum of squared deviations

  void Add(double value);
  // Over n; 1 where there is none.
  double Deviation() const;
  // In deviations from the mean.
  double Standardize(double value) const { return (value - mean) / Deviation(); }
};

// By reward model.
struct ScoreScales {
  std::vector<Moments> initial, running;

  // Takes the scores (M) of one step's completions; the first step's stay as the initial ones.
  // Scores that aren't all finite don't count.
  void Observe(std::span<const std::vector<double>> scores);
};

// One completion's scores (M) on that scale, combined. NaN where one isn't finite.
double LearnedReward(std::span<const double> scores, const ScoreScales& scales, RewardScale scale,
                     const LearnedRewardConfig& config);

// Deviation (over M) between the models, on the initial scale.
double Disagreement(std::span<const double> scores, const ScoreScales& scales);

// The next coefficient of a KL charge that shall hold KL at `target` nats per completion: it moves
// by at most a tenth, up where KL is too large. After Ziegler et al. 2019 (arXiv 1909.08593),
// section 2.2, with a larger gain: our runs are of hundreds of steps.
float AdaptKlCoef(float coef, double kl, double target);

}  // namespace agon::trainer
