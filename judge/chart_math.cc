#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>

#include "judge/charts.h"

namespace agon::judge::internal {

std::vector<double> NiceTicks(double low, double high, int max_ticks) {
  if (!(high > low)) return {low};
  const double raw = (high - low) / std::max(1, max_ticks - 1);
  const double power = std::pow(10, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw * (1 - 1e-9)) {
      step = factor * power;
      break;
    }
  }
  std::vector<double> ticks;
  const double first = std::ceil(low / step - 1e-9);
  for (int i = 0; i <= max_ticks && (first + i) * step <= high + 1e-9 * step; ++i) {
    ticks.push_back((first + i) * step);
  }
  return ticks;
}

std::vector<ChartPoint> Smooth(const std::vector<ChartPoint>& points) {
  const auto size = static_cast<ptrdiff_t>(points.size());
  const ptrdiff_t reach = std::max<ptrdiff_t>(2, size / 20);
  std::vector<ChartPoint> smooth;
  smooth.reserve(points.size());
  for (ptrdiff_t i = 0; i < size; ++i) {
    // At the start, where curves are steep, the window narrows on both sides; at the end,
    // where they are level, it keeps its past, so that the last value isn't one noisy step.
    const ptrdiff_t left = std::min(reach, i);
    const ptrdiff_t right = std::min(left, size - 1 - i);
    double sum = 0, weight = 0;
    for (ptrdiff_t j = -left; j <= right; ++j) {
      const auto w = static_cast<double>(left + 1 - std::abs(j));
      sum += w * points[static_cast<size_t>(i + j)].y;
      weight += w;
    }
    smooth.push_back({points[static_cast<size_t>(i)].x, sum / weight, 0, 0});
  }
  return smooth;
}

std::vector<ChartPoint> Thin(const std::vector<ChartPoint>& points, size_t max_points) {
  if (points.size() <= max_points) return points;
  std::vector<ChartPoint> thin;
  for (size_t i = 0; i < max_points; ++i) {
    const size_t begin = i * points.size() / max_points;
    const size_t end = (i + 1) * points.size() / max_points;
    ChartPoint mean;
    for (size_t j = begin; j < end; ++j) {
      mean.x += points[j].x;
      mean.y += points[j].y;
    }
    mean.x /= static_cast<double>(end - begin);
    mean.y /= static_cast<double>(end - begin);
    thin.push_back(mean);
  }
  // The ends carry the message (where it began, where it got), so they stay exact.
  thin.front() = points.front();
  thin.back() = points.back();
  return thin;
}

}  // namespace agon::judge::internal
