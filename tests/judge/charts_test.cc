#include "judge/charts.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace agon::judge {
namespace {

size_t Count(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t i = text.find(part); i != std::string::npos; i = text.find(part, i + 1)) ++count;
  return count;
}

TEST(ChartMathTest, TicksAreRound) {
  const auto near = [](const std::vector<double>& a, const std::vector<double>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-12);
  };
  near(internal::NiceTicks(0, 1, 6), {0, 0.2, 0.4, 0.6, 0.8, 1});
  near(internal::NiceTicks(0, 97, 6), {0, 20, 40, 60, 80});
  near(internal::NiceTicks(-0.013, 0.02, 4), {0, 0.02});
  near(internal::NiceTicks(3, 3, 6), {3});
  for (const double high : {1e-9, 0.37, 1.0, 8.01, 123456.0, 1e12}) {
    EXPECT_LE(internal::NiceTicks(0, high, 5).size(), 6u);
    EXPECT_GE(internal::NiceTicks(0, high, 5).size(), 2u);
  }
}

TEST(ChartMathTest, SmoothingKeepsLinesAndStarts) {
  std::vector<ChartPoint> line;
  for (int i = 0; i < 100; ++i) line.push_back({i * 1.0, 3.0 * i, 0, 0});
  const auto smooth = internal::Smooth(line);
  ASSERT_EQ(smooth.size(), line.size());
  for (size_t i = 0; i + 5 < line.size(); ++i) EXPECT_NEAR(smooth[i].y, line[i].y, 1e-9);
  // The last one is a mean of the last six with weights 1..6: (1*94 + ... + 6*99) / 21 * 3.
  EXPECT_NEAR(smooth.back().y, 292, 1e-9);
  // A lone spike of 9 is spread with weights 1 2 3 2 1.
  std::vector<ChartPoint> spike(9);
  spike[4].y = 9;
  EXPECT_DOUBLE_EQ(internal::Smooth(spike)[4].y, 3);
  EXPECT_DOUBLE_EQ(internal::Smooth(spike)[2].y, 1);
  EXPECT_TRUE(internal::Smooth({}).empty());
}

TEST(ChartMathTest, ThinningKeepsTheEnds) {
  std::vector<ChartPoint> points;
  for (int i = 0; i < 1000; ++i) points.push_back({i * 1.0, i * 2.0, 0, 0});
  const auto thin = internal::Thin(points, 100);
  ASSERT_EQ(thin.size(), 100u);
  EXPECT_EQ(thin.front().x, 0);
  EXPECT_EQ(thin.back().y, 1998);
  EXPECT_DOUBLE_EQ(thin[1].x, 14.5);
  EXPECT_EQ(internal::Thin(points, 5000).size(), 1000u);
}

TEST(LineChartTest, DrawsSeriesAndEscapesNames) {
  LineChart chart;
  chart.title = "a <b> & \"c\"";
  chart.series = {{"first", "after", {{1, 1}, {2, 3}, {3, 2}}}, {"second", "before", {{1, 2}}}};
  const std::string html = RenderLineChart(chart);
  EXPECT_EQ(Count(html, "<path class=\"line"), 2u);
  EXPECT_NE(html.find("a &lt;b&gt; &amp; &quot;c&quot;"), std::string::npos);
  EXPECT_EQ(html.find("<b> &"), std::string::npos);
  EXPECT_NE(html.find("first 2.00"), std::string::npos);
}

TEST(LineChartTest, BadNumbersAreLeftOut) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  LineChart chart;
  chart.series = {{"x", "after", {{1, nan}, {2, infinity}}}};
  EXPECT_EQ(RenderLineChart(chart), "");
  chart.series[0].points.push_back({3, 1e300});
  const std::string html = RenderLineChart(chart);
  EXPECT_EQ(html.find("nan"), std::string::npos);
  EXPECT_EQ(html.find("inf"), std::string::npos);
}

TEST(TrackPlotTest, OneRowPerKindWithIntervals) {
  TrackPlot plot;
  plot.title = "kinds";
  plot.legend = {{"before", "<b>"}, {"after", "after"}};
  plot.rows = {{"share",
                "n = 9",
                {{0.4, 0.3, 0.5, "before", "40 %"}, {0.9, 0.8, 1.5, "after", "\"90 %\""}},
                "+50",
                "better"},
               {},
               {"change", "", {{1, 1, 1, "after", ""}, {NAN, 0, 1, "before", ""}}, "", ""}};
  const std::string html = RenderTrackPlot(plot);
  EXPECT_EQ(Count(html, "class=\"dot "), 3u);
  EXPECT_EQ(Count(html, "class=\"ci "), 2u);
  EXPECT_EQ(Count(html, "class=\"gap"), 1u);
  // Values beyond the scale stand at its end.
  EXPECT_NE(html.find("left:80.00%;width:20.00%"), std::string::npos) << html;
  EXPECT_NE(html.find("&quot;90 %&quot;"), std::string::npos);
  EXPECT_EQ(html.find("<b></span>"), std::string::npos);
  EXPECT_EQ(html.find("nan"), std::string::npos);
  EXPECT_EQ(RenderTrackPlot({}), "");
}

TEST(TrackPlotTest, DifferencesHaveAZeroLine) {
  TrackPlot plot;
  plot.low = -0.2;
  plot.high = 0.2;
  plot.has_zero_line = true;
  plot.rows = {{"a", "", {{0.1, 0.05, 0.15, "better", ""}}, "+10.0", ""}};
  const std::string html = RenderTrackPlot(plot);
  EXPECT_NE(html.find("<i class=\"zero\" style=\"left:50.00%\">"), std::string::npos) << html;
  EXPECT_NE(html.find("−20"), std::string::npos);
}

}  // namespace
}  // namespace agon::judge
