#include "trainer/gold_watch.h"

#include <cmath>

namespace agon::trainer {
namespace {

constexpr size_t kMinPoints = 10;  // before a peak is believed in
constexpr int kStepsPastPeak = 3;

}  // namespace

GoldOutlook ObserveGold(double distance, double gold, GoldCourse& course) {
  if (std::isfinite(distance) && std::isfinite(gold)) course.points.push_back({distance, gold});
  GoldOutlook outlook;
  if (course.points.empty()) return outlook;
  outlook.start = course.start ? course.start->gold : course.points.front().gain;
  std::vector<GoldPoint> gains = course.points;
  for (GoldPoint& point : gains) point.gain -= outlook.start;
  outlook.fit = FitOveroptimisation(gains, OveroptimisationLaw::kRl);
  if (outlook.fit && gains.size() >= kMinPoints) outlook.peak = outlook.fit->Peak();
  const bool past = outlook.peak && course.points.back().distance >= *outlook.peak;
  course.steps_past_peak = past ? course.steps_past_peak + 1 : 0;
  return outlook;
}

bool IsPastPeak(const GoldCourse& course) { return course.steps_past_peak >= kStepsPastPeak; }

}  // namespace agon::trainer
