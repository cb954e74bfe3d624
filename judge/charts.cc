#include "judge/charts.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "judge/text.h"

namespace agon::judge {
namespace {

constexpr size_t kMaxPoints = 400;

// SVG user units.
struct Frame {
  double width, height, left, right, top, bottom;
  double x_min, x_max, y_min, y_max;

  double X(double x) const { return left + (x - x_min) / (x_max - x_min) * (width - left - right); }
  double Y(double y) const {
    return height - bottom - (y - y_min) / (y_max - y_min) * (height - top - bottom);
  }
};

std::string Coordinate(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", std::clamp(value, -1e5, 1e5));
  return text;
}

std::string Attribute(const char* name, double value) {
  return std::string(" ") + name + "=\"" + Coordinate(value) + "\"";
}

std::string SvgLine(const char* tone, double x1, double y1, double x2, double y2) {
  return std::string("<line class=\"") + tone + "\"" + Attribute("x1", x1) + Attribute("y1", y1) +
         Attribute("x2", x2) + Attribute("y2", y2) + "/>";
}

std::string Text(const std::string& tone, double x, double y, const std::string& anchor,
                 const std::string& text) {
  return "<text class=\"" + tone + "\"" + Attribute("x", x) + Attribute("y", y) +
         " text-anchor=\"" + anchor + "\">" + EscapeHtml(text) + "</text>";
}

// A dot with a hover title.
std::string Dot(const std::string& tone, double x, double y, double radius,
                const std::string& title) {
  return "<circle class=\"dot " + tone + "\"" + Attribute("cx", x) + Attribute("cy", y) +
         Attribute("r", radius) + "><title>" + EscapeHtml(title) + "</title></circle>";
}

std::string FormatTick(ChartUnit unit, double value, double step) {
  const double shown = unit == ChartUnit::kPercent ? 100 * value : value;
  const double shown_step = unit == ChartUnit::kPercent ? 100 * step : step;
  if (std::abs(shown) >= 10000) return FormatShort(shown);
  if (shown != 0 && shown_step < 1e-4) return FormatShort(shown);
  const int decimals = shown_step >= 1 ? 0 : static_cast<int>(std::ceil(-std::log10(shown_step)));
  return FormatNumber(shown, decimals) + (unit == ChartUnit::kPercent ? " %" : "");
}

std::vector<ChartPoint> Finite(const std::vector<ChartPoint>& points) {
  std::vector<ChartPoint> finite;
  for (const ChartPoint& point : points) {
    if (std::isfinite(point.x) && std::isfinite(point.y)) finite.push_back(point);
  }
  return finite;
}

bool HasWhisker(const ChartPoint& point) {
  return std::isfinite(point.low) && std::isfinite(point.high) && point.high > point.low;
}

// Axis ends: whole ticks around the data, a little room where it is constant.
void FitAxes(const LineChart& chart, const std::vector<ChartSeries>& series, Frame& frame) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  frame.x_min = frame.y_min = kInfinity;
  frame.x_max = frame.y_max = -kInfinity;
  for (const ChartSeries& one : series) {
    for (const ChartPoint& point : one.points) {
      frame.x_min = std::min(frame.x_min, point.x);
      frame.x_max = std::max(frame.x_max, point.x);
      frame.y_min = std::min(frame.y_min, HasWhisker(point) ? point.low : point.y);
      frame.y_max = std::max(frame.y_max, HasWhisker(point) ? point.high : point.y);
    }
  }
  frame.x_min = chart.x_min.value_or(frame.x_min);
  frame.x_max = chart.x_max.value_or(frame.x_max);
  frame.y_min = chart.y_min.value_or(frame.y_min);
  frame.y_max = chart.y_max.value_or(frame.y_max);
  if (!(frame.x_max > frame.x_min)) frame.x_max = frame.x_min + 1;
  if (!(frame.y_max > frame.y_min))
    frame.y_max = frame.y_min == 0 ? 1 : frame.y_min + std::abs(frame.y_min);
  const auto ticks = internal::NiceTicks(frame.y_min, frame.y_max, 5);
  const double step = ticks.size() > 1 ? ticks[1] - ticks[0] : frame.y_max - frame.y_min;
  if (!chart.y_min) frame.y_min = std::floor(frame.y_min / step + 1e-9) * step;
  if (!chart.y_max) frame.y_max = std::ceil(frame.y_max / step - 1e-9) * step;
}

std::string DrawAxes(const LineChart& chart, const Frame& frame) {
  std::string svg;
  const auto y_ticks = internal::NiceTicks(frame.y_min, frame.y_max, chart.small ? 4 : 6);
  const double y_step = y_ticks.size() > 1 ? y_ticks[1] - y_ticks[0] : 1;
  for (const double tick : y_ticks) {
    svg += SvgLine("grid", frame.left, frame.Y(tick), frame.width - frame.right, frame.Y(tick));
    svg += Text("tick", frame.left - 7, frame.Y(tick) + 3.5, "end",
                FormatTick(chart.unit, tick, y_step));
  }
  const auto x_ticks = internal::NiceTicks(frame.x_min, frame.x_max, chart.small ? 4 : 6);
  const double x_step = x_ticks.size() > 1 ? x_ticks[1] - x_ticks[0] : 1;
  const double base = frame.height - frame.bottom;
  for (const double tick : x_ticks) {
    svg += SvgLine("axis", frame.X(tick), base, frame.X(tick), base + 4);
    svg += Text("tick", frame.X(tick), base + 16, "middle",
                FormatTick(ChartUnit::kNumber, tick, x_step));
  }
  svg += SvgLine("axis", frame.left, base, frame.width - frame.right, base);
  svg += Text("tick name", frame.width - frame.right, frame.height - 4, "end", chart.x_label);
  return svg;
}

std::string DrawPath(const std::string& tone, const std::vector<ChartPoint>& points,
                     const Frame& frame) {
  std::string path;
  for (const ChartPoint& point : points) {
    path += (path.empty() ? "M" : "L") + Coordinate(frame.X(point.x)) + " " +
            Coordinate(frame.Y(std::clamp(point.y, frame.y_min, frame.y_max)));
  }
  return "<path class=\"" + tone + "\" d=\"" + path + "\"/>";
}

std::string DrawSeries(const LineChart& chart, const ChartSeries& series, const Frame& frame) {
  std::string svg;
  const auto points = internal::Thin(series.points, kMaxPoints);
  const bool smooth = series.smooth && points.size() > 4;
  if (smooth) svg += DrawPath("raw " + series.tone, points, frame);
  const auto line = smooth ? internal::Thin(internal::Smooth(series.points), kMaxPoints) : points;
  svg += DrawPath("line " + series.tone, line, frame);
  for (const ChartPoint& point : points) {
    if (!series.markers) break;
    const double x = frame.X(point.x);
    const std::string tone = "whisker " + series.tone;
    if (HasWhisker(point)) {
      svg += SvgLine(tone.c_str(), x, frame.Y(point.low), x, frame.Y(point.high));
    }
    svg += Dot(series.tone, x, frame.Y(point.y), 3.5,
               series.label + " " + internal::FormatValue(chart.unit, point.y));
  }
  const ChartPoint& last = line.back();
  if (!series.markers) {
    svg += Dot(series.tone, frame.X(last.x), frame.Y(std::clamp(last.y, frame.y_min, frame.y_max)),
               3, series.label + " " + internal::FormatValue(chart.unit, last.y));
  }
  return svg;
}

// Names at the right end of the lines, pushed apart where they would overlap.
std::string DrawEndLabels(const LineChart& chart, const std::vector<ChartSeries>& series,
                          const Frame& frame) {
  struct Label {
    double y;
    const ChartSeries* series;
    std::string text;
  };
  std::vector<Label> labels;
  for (const ChartSeries& one : series) {
    const bool smooth = one.smooth && one.points.size() > 4;
    const double last = smooth ? internal::Smooth(one.points).back().y : one.points.back().y;
    const std::string value = internal::FormatValue(chart.unit, last);
    labels.push_back({frame.Y(std::clamp(last, frame.y_min, frame.y_max)), &one,
                      series.size() > 1 && !one.label.empty() ? one.label + " " + value : value});
  }
  std::sort(labels.begin(), labels.end(), [](const auto& a, const auto& b) { return a.y < b.y; });
  std::string svg;
  double lowest = -1e9;
  for (Label& label : labels) {
    label.y = std::max(label.y, lowest + 13);
    lowest = label.y;
    svg += Text("value " + label.series->tone, frame.width - frame.right + 8, label.y + 4, "start",
                label.text);
  }
  return svg;
}

std::string OpenSvg(double width, double height, const std::string& title) {
  return "<svg viewBox=\"0 0 " + Coordinate(width) + " " + Coordinate(height) +
         "\" role=\"img\" aria-label=\"" + EscapeHtml(title) + "\">";
}

}  // namespace

namespace internal {

std::string Caption(const std::string& title, const std::string& note) {
  std::string html = "<figcaption><b>" + EscapeHtml(title) + "</b>";
  if (!note.empty()) html += "<span>" + EscapeHtml(note) + "</span>";
  return html + "</figcaption>";
}

std::string FormatValue(ChartUnit unit, double value) {
  if (unit == ChartUnit::kNumber) return FormatShort(value);
  return FormatPercent(value, std::abs(value) < 0.0995 ? 1 : 0);
}

}  // namespace internal

std::string RenderLineChart(const LineChart& chart) {
  std::vector<ChartSeries> series;
  for (ChartSeries one : chart.series) {
    one.points = Finite(one.points);
    if (!one.points.empty()) series.push_back(std::move(one));
  }
  if (series.empty()) return "";
  size_t label_letters = 0;
  for (const ChartSeries& one : series) {
    if (series.size() > 1) label_letters = std::max(label_letters, one.label.size() + 1);
  }
  const double right = 52 + 6.2 * static_cast<double>(std::min<size_t>(label_letters, 16));
  Frame frame{
      chart.small ? 320.0 : 500.0, chart.small ? 170.0 : 240.0, 50, right, 10, 34, 0, 1, 0, 1};
  FitAxes(chart, series, frame);
  std::string svg = DrawAxes(chart, frame);
  for (const ChartSeries& one : series) svg += DrawSeries(chart, one, frame);
  svg += DrawEndLabels(chart, series, frame);
  return std::string("<figure class=\"") + (chart.small ? "small" : "wide") + "\">" +
         internal::Caption(chart.title, chart.note) +
         OpenSvg(frame.width, frame.height, chart.title) + svg + "</svg></figure>\n";
}

}  // namespace agon::judge
