// Gold reward over the distance from the reference, while a policy is trained on a learned reward:
// where its curve turns, whether it has, and which of the models on the way stands there.
#pragma once

#include <optional>
#include <vector>

#include "trainer/overoptimisation.h"

namespace agon::trainer {

// Means over the starting policy's replies. That of the proxy is 0 only for one model or a mean of
// models: the worst of several has a lower one.
struct GoldStart {
  double gold = 0, proxy = 0;
};

// A model that can be gone back to.
struct KeptModel {
  int step = 0;         // after which it stood so
  double distance = 0;  // of what it samples
};

// The course of a run; part of a checkpoint.
struct GoldCourse {
  std::vector<GoldPoint> points;  // of each step; `gain` is the gold itself
  std::vector<KeptModel> kept{};  // by rising distance
  std::optional<GoldStart> start{};
  double slope = 0;  // gold that goes with one more of the proxy, among the starting replies
};

// Gold reward as one expects it from the course so far.
struct GoldOutlook {
  double start = 0;  // gold of the starting policy
  std::optional<OveroptimisationFit> fit{};
  std::optional<double> peak{};  // distance at which gold is highest
  // Gold falls where the run stands: the fitted curve's slope there is below 0 by three of its
  // standard errors. A turn shows only once it has been passed, so that this is no place to end
  // at, but one to go back from, to the peak.
  bool is_past = false;
};

// Adds a step's point, unless a number isn't finite, and fits the law of RL to all of them.
// Starts from course.start->gold, or the first point where that isn't known.
GoldOutlook ObserveGold(double distance, double gold, GoldCourse& course);

// Whether the model after `step`, whose replies are at `distance`, should be kept: the first, and
// each that is a twentieth farther than the last. Notes it then, and forgets those at less than a
// third of its distance.
bool Keep(int step, double distance, GoldCourse& course);

// The kept model whose distance is nearest by ratio.
std::optional<KeptModel> KeptNear(double distance, const GoldCourse& course);

}  // namespace agon::trainer
