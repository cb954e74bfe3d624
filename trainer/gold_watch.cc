#include "trainer/gold_watch.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace agon::trainer {
namespace {

constexpr size_t kMinPoints = 10;  // before a peak is believed in
constexpr size_t kWindow = 9, kHalf = kWindow / 2;
constexpr double kLost = 0.25;  // share of what was gained
constexpr double kStandardErrors = 2.0;

using Points = std::span<const ObservedGold>;

double MeanGold(Points points) {
  double sum = 0;
  for (const ObservedGold& point : points) sum += point.gold;
  return sum / static_cast<double>(points.size());
}

double MedianDistance(Points points) {
  std::vector<double> distances;
  for (const ObservedGold& point : points) distances.push_back(point.distance);
  const auto middle = distances.begin() + static_cast<ptrdiff_t>(distances.size() / 2);
  std::nth_element(distances.begin(), middle, distances.end());
  return *middle;
}

// Of one step's gold, from neighbours, which hardly differ in what they are worth.
double StepNoise(Points points) {
  double squares = 0;
  for (size_t i = 1; i < points.size(); ++i) {
    const double difference = points[i].gold - points[i - 1].gold;
    squares += difference * difference;
  }
  return std::sqrt(squares / (2.0 * static_cast<double>(points.size() - 1)));
}

std::optional<GoldTop> TopOf(Points points) {
  if (points.size() < kWindow) return std::nullopt;
  const auto window = [&](size_t begin) { return points.subspan(begin, kWindow); };
  const size_t last = points.size() - kWindow;
  size_t best = 0;
  for (size_t begin = 1; begin <= last; ++begin) {
    if (MeanGold(window(begin)) > MeanGold(window(best))) best = begin;
  }
  GoldTop top{points[best + kHalf].step, MedianDistance(window(best)), MeanGold(window(best))};
  top.fall = top.gold - MeanGold(window(last));
  top.fall_error = StepNoise(points) * std::sqrt(2.0 / kWindow);
  return top;
}

}  // namespace

GoldOutlook ObserveGold(const ObservedGold& point, GoldCourse& course) {
  GoldOutlook outlook;
  if (std::isfinite(point.distance) && std::isfinite(point.gold)) course.points.push_back(point);
  if (course.points.empty()) return outlook;
  outlook.start = course.start ? course.start->gold : course.points.front().gold;
  std::vector<GoldPoint> gains;
  for (const ObservedGold& p : course.points) {
    gains.push_back({p.distance, p.gold - outlook.start});
  }
  outlook.fit = FitOveroptimisation(gains, OveroptimisationLaw::kRl);
  if (outlook.fit && gains.size() >= kMinPoints) outlook.peak = outlook.fit->Peak();
  outlook.top = TopOf(course.points);
  if (const auto& top = outlook.top) {
    outlook.is_below = top->fall > kStandardErrors * top->fall_error;
    outlook.is_past = outlook.is_below && top->fall > kLost * (top->gold - outlook.start);
  }
  return outlook;
}

std::vector<int> ModelsToKeep(const GoldOutlook& outlook, const GoldCourse& course) {
  std::vector<int> kept;
  if (outlook.top) kept.push_back(outlook.top->step);
  // Those around which the nine aren't complete yet.
  const size_t size = course.points.size();
  for (size_t i = std::max(kHalf, size - std::min(kHalf, size)); i < size; ++i) {
    kept.push_back(course.points[i].step);
  }
  return kept;
}

}  // namespace agon::trainer
