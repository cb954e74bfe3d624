// The text that Prometheus scrapes, by the format's definition (prometheus.io/docs/instrumenting/
// exposition_formats, text format 0.0.4).
#include "net/metrics.h"

#include <gtest/gtest.h>

#include <thread>

namespace agon::net {
namespace {

TEST(MetricsTest, Text) {
  Metrics metrics;
  metrics.AddCounter("b_total", "Things.\nMany.", {{"kind", "a\"\\\n"}}).Add(3);
  metrics.AddCounter("b_total", "", {{"kind", "b"}}).Add();
  metrics.AddGauge("a_now", "Right now.").Set(0.5);
  metrics.AddGauge("a_now", "").Add(-2);
  Histogram& histogram = metrics.AddHistogram("c_seconds", "How long.", {{"m", "x"}}, {0.1, 1});
  for (const double value : {0.1, 0.2, 1.0, 7.0}) histogram.Observe(value);
  EXPECT_EQ(metrics.Text(),
            "# HELP a_now Right now.\n"
            "# TYPE a_now gauge\n"
            "a_now -1.5\n"
            "# HELP b_total Things.\\nMany.\n"
            "# TYPE b_total counter\n"
            "b_total{kind=\"a\\\"\\\\\\n\"} 3\n"
            "b_total{kind=\"b\"} 1\n"
            "# HELP c_seconds How long.\n"
            "# TYPE c_seconds histogram\n"
            "c_seconds_bucket{m=\"x\",le=\"0.1\"} 1\n"  // a bound is inclusive
            "c_seconds_bucket{m=\"x\",le=\"1\"} 3\n"
            "c_seconds_bucket{m=\"x\",le=\"+Inf\"} 4\n"
            "c_seconds_sum{m=\"x\"} 8.3\n"
            "c_seconds_count{m=\"x\"} 4\n");
}

TEST(MetricsTest, ThreadsLoseNoCount) {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        metrics.AddCounter("n_total", "").Add();
        metrics.AddGauge("g", "").Add(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(metrics.AddCounter("n_total", "").value(), 4000u);
  EXPECT_EQ(metrics.AddGauge("g", "").value(), 4000.0);
}

}  // namespace
}  // namespace agon::net
