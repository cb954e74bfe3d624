// Plots of rows, drawn with HTML boxes: they keep their letters' size on a narrow screen, where
// a drawing would shrink.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "judge/charts.h"
#include "judge/text.h"

namespace agon::judge {
namespace {

// "12.34%" of the track's width.
std::string Percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f%%", 100 * share);
  return text;
}

class Scale {
 public:
  explicit Scale(const TrackPlot& plot) : low_(plot.low), high_(plot.high) {}
  // Place of a value, in [0, 1].
  double At(double value) const { return std::clamp((value - low_) / (high_ - low_), 0.0, 1.0); }

 private:
  double low_, high_;
};

// Of several points in a row each has its own height, so that intervals don't cover each other.
std::string Point(const TrackPoint& point, const Scale& scale, size_t place, size_t num_points) {
  if (!std::isfinite(point.value)) return "";
  constexpr double kStep = 13;  // percent of the row's height
  const double middle = static_cast<double>(num_points - 1) / 2;
  const double top = 50 + kStep * (static_cast<double>(place) - middle);
  const std::string height = "top:" + FormatNumber(top, 1) + "%;";
  std::string html;
  if (std::isfinite(point.low) && std::isfinite(point.high) && point.high > point.low) {
    const double left = scale.At(point.low), right = scale.At(point.high);
    html += "<i class=\"ci " + point.tone + "\" style=\"" + height + "left:" + Percent(left) +
            ";width:" + Percent(right - left) + "\"></i>";
  }
  return html + "<i class=\"dot " + point.tone + "\" style=\"" + height +
         "left:" + Percent(scale.At(point.value)) + "\" title=\"" + EscapeHtml(point.title) +
         "\"></i>";
}

std::string Row(const TrackRow& row, const TrackPlot& plot, const std::string& grid) {
  if (row.label.empty() && row.points.empty()) return "<div class=\"gap\"></div>\n";
  const Scale scale(plot);
  std::string html = "<div class=\"row\"><span class=\"rowname\">" + EscapeHtml(row.label);
  if (!row.note.empty()) html += " <small>" + EscapeHtml(row.note) + "</small>";
  html += "</span><span class=\"track\">" + grid;
  for (size_t i = 0; i < row.points.size(); ++i) {
    html += Point(row.points[i], scale, i, row.points.size());
  }
  return html + "</span><span class=\"rowvalue " + row.value_tone + "\">" + EscapeHtml(row.value) +
         "</span></div>\n";
}

}  // namespace

std::string RenderTrackPlot(const TrackPlot& plot) {
  if (plot.rows.empty()) return "";
  const Scale scale(plot);
  std::string grid, axis;
  const auto ticks = internal::NiceTicks(plot.low, plot.high, 6);
  for (const double tick : ticks) {
    const bool is_zero = plot.has_zero_line && std::abs(tick) < 1e-9;
    grid += std::string("<i class=\"") + (is_zero ? "zero" : "line") +
            "\" style=\"left:" + Percent(scale.At(tick)) + "\"></i>";
    std::string text = internal::FormatValue(plot.unit, tick);
    if (plot.unit == ChartUnit::kPercent) {
      text = plot.has_zero_line ? FormatPoints(tick, 0) : FormatPercent(tick, 0);
      if (is_zero) text = "0";
    }
    axis += "<i style=\"left:" + Percent(scale.At(tick)) + "\">" + text + "</i>";
  }
  std::string html = "<figure class=\"tracks\">" + internal::Caption(plot.title, plot.note);
  if (!plot.legend.empty()) {
    html += "<p class=\"legend\">";
    for (const auto& [tone, name] : plot.legend) {
      html += "<span><i class=\"key " + tone + "\"></i>" + EscapeHtml(name) + "</span>";
    }
    html += "</p>";
  }
  for (const TrackRow& row : plot.rows) html += Row(row, plot, grid);
  return html + "<div class=\"row axis\"><span class=\"rowname\"></span><span class=\"track\">" +
         axis + "</span><span class=\"rowvalue\"></span></div></figure>\n";
}

}  // namespace agon::judge
