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
  std::string tone;  // CSS class: "after", "before", "third", "fourth", "fifth", "sixth"
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

// A value with its interval on a line of its own.
struct TrackPoint {
  double value = 0, low = 0, high = 0;  // no interval unless both ends are finite and differ
  std::string tone;                     // CSS class, as of a series
  std::string title;                    // shown on hover
};

struct TrackRow {  // without a label and points: a gap
  std::string label, note;
  std::vector<TrackPoint> points;
  std::string value;       // at the end of the line, "" for none
  std::string value_tone;  // CSS class of it
};

// Rows that share one scale, as HTML that fits a phone. A point that isn't finite is left out,
// one beyond the scale stands at its end.
struct TrackPlot {
  std::string title, note;
  std::vector<std::pair<std::string, std::string>> legend;  // tone, name
  std::vector<TrackRow> rows;
  double low = 0, high = 1;
  ChartUnit unit = ChartUnit::kPercent;
  bool has_zero_line = false;
};

// A <figure>; "" without rows.
std::string RenderTrackPlot(const TrackPlot& plot);

namespace internal {
// <figcaption>, escaped.
std::string Caption(const std::string& title, const std::string& note);
// "12.3 %" or three digits.
std::string FormatValue(ChartUnit unit, double value);
// Ticks at 1, 2 or 5 times a power of ten that cover [low, high]; at most `max_ticks`.
std::vector<double> NiceTicks(double low, double high, int max_ticks);
// Centred mean with triangular weights over a tenth of the points. It narrows at the start,
// so the first point stays as it is, and looks back at the end.
std::vector<ChartPoint> Smooth(const std::vector<ChartPoint>& points);
// At most `max_points` by taking means of neighbours.
std::vector<ChartPoint> Thin(const std::vector<ChartPoint>& points, size_t max_points);
}  // namespace internal

}  // namespace agon::judge
