// Charts as inline SVG, drawn by hand: no script, no font, nothing outside the page.
//
// Colours are CSS classes (judge/report_style.cc), so light and dark come from the page.
// All labels are escaped here. Points that are not finite are left out.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace agon::judge {

struct ChartPoint {
  double x = 0, y = 0;
  // Interval drawn as a whisker, if both are finite and differ.
  double low = 0, high = 0;
};

struct ChartSeries {
  std::string label;
  std::string tone;  // CSS class: "after", "before", "third", "fourth"
  std::vector<ChartPoint> points;
  bool smooth = false;   // a faint line of the points and a strong moving mean
  bool markers = false;  // a dot at each point
};

enum class ChartUnit { kNumber, kPercent };

struct LineChart {
  std::string title;
  std::string note;  // one line below the title, "" for none
  std::string x_label = "step";
  std::vector<ChartSeries> series;
  ChartUnit unit = ChartUnit::kNumber;
  // Fixed ends of the axes; otherwise they follow the data.
  std::optional<double> y_min, y_max, x_min, x_max;
  bool small = false;  // a third of the page's width instead of half
};

// A <figure>; "" if no series has a point.
std::string RenderLineChart(const LineChart& chart);

struct DotRow {  // without points: a gap
  std::string label;
  std::string note;                         // "n = 120"
  std::optional<ChartPoint> before, after;  // y is the value
};

struct DotPlot {
  std::string title, note;
  std::string before_label, after_label;
  std::vector<DotRow> rows;
};

// Shares with their intervals, one line per row, before and after on one scale of 0..100 %.
std::string RenderDotPlot(const DotPlot& plot);

namespace internal {
// Ticks at 1, 2 or 5 times a power of ten that cover [low, high]; at most `max_ticks`.
std::vector<double> NiceTicks(double low, double high, int max_ticks);
// Centred mean with triangular weights over a tenth of the points. It narrows at the start,
// so the first point stays as it is, and looks back at the end.
std::vector<ChartPoint> Smooth(const std::vector<ChartPoint>& points);
// At most `max_points` by taking means of neighbours.
std::vector<ChartPoint> Thin(const std::vector<ChartPoint>& points, size_t max_points);
}  // namespace internal

}  // namespace agon::judge
