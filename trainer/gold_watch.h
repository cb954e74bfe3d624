// Gold reward over the distance from the reference, while a policy is trained on a learned reward:
// where its curve will turn, and whether it has.
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

// The course of a run; part of a checkpoint.
struct GoldCourse {
  std::vector<GoldPoint> points;  // of each step; `gain` is the gold itself
  int steps_past_peak = 0;        // in a row, up to the last
  std::optional<GoldStart> start{};
  double slope = 0;  // gold that goes with one more of the proxy, among the starting replies
};

// Gold reward as one expects it from the course so far.
struct GoldOutlook {
  double start = 0;  // gold of the starting policy
  std::optional<OveroptimisationFit> fit{};
  std::optional<double> peak{};  // distance at which gold is highest
};

// Adds a step's point, unless a number isn't finite, and fits the law of RL to all of them.
// Starts from course.start->gold, or the first point where that isn't known.
GoldOutlook ObserveGold(double distance, double gold, GoldCourse& course);

// Whether the last steps all stood beyond the peak that was predicted after each: one noisy step
// is no reason to stop.
bool IsPastPeak(const GoldCourse& course);

}  // namespace agon::trainer
