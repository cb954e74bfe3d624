// Counts of a service, in the text form that Prometheus scrapes (version 0.0.4).
//
//   Metrics metrics;
//   Counter& tokens = metrics.AddCounter("agon_tokens_total", "Tokens sampled.", {{"model", "a"}});
//   tokens.Add(5);
//   metrics.Text();   # TYPE agon_tokens_total counter ...
//
// All of it is thread-safe; Add, Set and Observe don't lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agon::net {

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

class Counter {
 public:
  void Add(uint64_t count = 1) { value_.fetch_add(count, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

class Gauge {
 public:
  void Set(double value) { value_.store(value, std::memory_order_relaxed); }
  void Add(double change);
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

// How many observations were at most each of some bounds.
class Histogram {
 public:
  // `bounds` ascend; +Inf is added.
  explicit Histogram(std::vector<double> bounds);
  void Observe(double value);

  const std::vector<double>& bounds() const { return bounds_; }
  // Of one bucket alone, not cumulative; bounds().size() is the last.
  uint64_t count(size_t bucket) const { return counts_[bucket].value(); }
  double sum() const { return sum_.value(); }

 private:
  std::vector<double> bounds_;
  std::vector<Counter> counts_;
  Gauge sum_;
};

// Bounds for durations in seconds: 1 ms to 60 s.
std::vector<double> SecondsBuckets();

class Metrics {
 public:
  Metrics();
  ~Metrics();

  // Names an instance with these labels, making it where there is none yet. `help` and `bounds`
  // are those of the name's first use. The reference lives as long as the Metrics.
  // REQUIRES: a name is of one kind only, and [a-zA-Z_:][a-zA-Z0-9_:]*.
  Counter& AddCounter(std::string_view name, std::string_view help,
                      const MetricLabels& labels = {});
  Gauge& AddGauge(std::string_view name, std::string_view help, const MetricLabels& labels = {});
  Histogram& AddHistogram(std::string_view name, std::string_view help,
                          const MetricLabels& labels = {},
                          const std::vector<double>& bounds = SecondsBuckets());

  // Names in order, instances in order of their labels.
  std::string Text() const;
  static constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace agon::net
