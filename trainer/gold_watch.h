// Gold reward over the distance from the reference, while a policy is trained on a learned reward:
// the law that it follows, where it was highest, and whether it has fallen from there.
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

// What the model after `step` says.
struct ObservedGold {
  int step = 0;
  double distance = 0, gold = 0;
};

// The course of a run; part of a checkpoint.
struct GoldCourse {
  std::vector<ObservedGold> points;  // by step
  std::vector<int> kept{};           // with rl.stop_at_peak: ModelsToKeep
  std::optional<GoldStart> start{};
  double slope = 0;  // gold that goes with one more of the proxy, among the starting replies
};

// The nine steps in a row whose mean gold is highest, one step being too noisy to tell.
struct GoldTop {
  int step = 0;                     // the middle one
  double distance = 0;              // median
  double gold = 0;                  // mean
  double fall = 0, fall_error = 0;  // of the last nine from it, and its standard error
};

// Gold reward as one sees it from the course so far.
struct GoldOutlook {
  double start = 0;  // gold of the starting policy
  std::optional<OveroptimisationFit> fit{};
  std::optional<double> peak{};  // distance at which the fitted curve is highest
  std::optional<GoldTop> top{};
  bool is_below = false;  // the last nine are below the top by two standard errors
  bool is_past = false;   // and have lost a quarter of what it had gained
};

// Adds a point, unless a number isn't finite, and fits the law of RL to all of them. Starts from
// course.start->gold, or the first point where that isn't known.
GoldOutlook ObserveGold(const ObservedGold& point, GoldCourse& course);

// Steps whose models are the top or may become it: at most five.
std::vector<int> ModelsToKeep(const GoldOutlook& outlook, const GoldCourse& course);

}  // namespace agon::trainer
