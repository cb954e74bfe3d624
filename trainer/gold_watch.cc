#include "trainer/gold_watch.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace agon::trainer {
namespace {

constexpr size_t kMinPoints = 10;        // before a peak is believed in
constexpr double kStandardErrors = 3.0;  // by which the slope must be below 0
constexpr double kFarther = 1.05, kForgotten = 1.0 / 3;

// Of the last three: a step's distance is an estimate.
double Median(const std::vector<GoldPoint>& points) {
  std::array<double, 3> last{};
  std::transform(points.end() - 3, points.end(), last.begin(),
                 [](const GoldPoint& point) { return point.distance; });
  std::sort(last.begin(), last.end());
  return last[1];
}

bool IsPast(const GoldOutlook& outlook, const std::vector<GoldPoint>& points) {
  if (!outlook.peak) return false;
  const double distance = Median(points);
  return distance > *outlook.peak &&
         outlook.fit->Slope(distance) < -kStandardErrors * outlook.fit->SlopeError(distance);
}

}  // namespace

GoldOutlook ObserveGold(double distance, double gold, GoldCourse& course) {
  GoldOutlook outlook;
  const bool is_measured = std::isfinite(distance) && std::isfinite(gold);
  if (is_measured) course.points.push_back({distance, gold});
  if (course.points.empty()) return outlook;
  outlook.start = course.start ? course.start->gold : course.points.front().gain;
  std::vector<GoldPoint> gains = course.points;
  for (GoldPoint& point : gains) point.gain -= outlook.start;
  outlook.fit = FitOveroptimisation(gains, OveroptimisationLaw::kRl);
  if (outlook.fit && gains.size() >= kMinPoints) outlook.peak = outlook.fit->Peak();
  outlook.is_past = is_measured && IsPast(outlook, course.points);
  return outlook;
}

bool Keep(int step, double distance, GoldCourse& course) {
  if (!std::isfinite(distance) || distance <= 0) return false;
  std::vector<KeptModel>& kept = course.kept;
  if (!kept.empty() && distance < kFarther * kept.back().distance) return false;
  kept.push_back({step, distance});
  std::erase_if(kept, [&](const KeptModel& k) { return k.distance < kForgotten * distance; });
  return true;
}

std::optional<KeptModel> KeptNear(double distance, const GoldCourse& course) {
  std::optional<KeptModel> nearest;
  const auto apart = [&](const KeptModel& kept) {
    return std::abs(std::log(kept.distance / distance));
  };
  for (const KeptModel& kept : course.kept) {
    if (!nearest || apart(kept) < apart(*nearest)) nearest = kept;
  }
  return nearest;
}

}  // namespace agon::trainer
