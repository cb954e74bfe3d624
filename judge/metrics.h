// Graded samples to metrics: the arithmetic of Evaluate and Compare, without a model.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "judge/eval.h"
#include "judge/statistics.h"

namespace agon::judge {

// How a metric is written and which way is better.
struct MetricTraits {
  bool is_share = false;  // in [0, 1], shown in percent; its differences in points
  int better = 1;         // 1: more is better, -1: less is better, 0: neither
};
// Of "pass@1", "pass@1/family=share", "length", ...
MetricTraits TraitsOf(std::string_view metric);
// "93.1 %" or "12.3"; and a difference, "+2.0" (points) or "−1.53".
std::string MetricText(std::string_view metric, double value);
std::string DifferenceText(std::string_view metric, double difference);
// "[91.0 %, 95.2 %]", "[+0.4, +3.6]"; "" where there is no interval, or one of no width (a count).
std::string IntervalText(const Metric& metric);
std::string IntervalText(const Comparison& comparison);

// A metric's name in its parts: "pass@1/family=share" is pass@1 of the tasks whose family is
// "share". Names may hold slashes themselves, as a judge's file does.
struct MetricName {
  std::string_view of;          // "pass@1"
  std::string_view key, value;  // "family" or "difficulty", "share"; empty: of all tasks
  bool is_breakdown() const { return !key.empty(); }
};
MetricName SplitMetricName(std::string_view metric);

// Metrics of one benchmark as Evaluate lists them (judge/eval.h). A task with fewer than K
// scored samples takes no part in pass@K. Samples of one task stand together.
std::vector<Metric> ComputeMetrics(const BenchmarkRun& run, std::span<const SampleRecord> samples);

// By how much a player is rated above another, from its mean score over n games (win 1, draw
// 0.5): 400 log10(s / (1 - s)), Elo 1978. A score of 0 or 1 counts as half a game off.
double EloDifference(double score, int64_t n);
// "elo" of the metric "reward" of games; the interval is the score's, carried over.
Metric EloOf(const Metric& score);

// The metric of that name, or nullptr.
const Metric* FindMetric(const EvalResult& result, const std::string& benchmark,
                         const std::string& metric);
// The first metric of a benchmark, or nullptr.
const Metric* HeadlineOf(const EvalResult& result, const std::string& benchmark);
// Whether an answer to the benchmark is right or wrong: its headline is a share of right ones. What
// a judge scores, and the likelihood of a text, is neither, whatever SampleRecord::correct says.
bool HasRightAnswers(const EvalResult& result, const std::string& benchmark);

namespace internal {

using Samples = std::vector<const SampleRecord*>;
using ByTask = std::map<uint64_t, Samples>;  // scored samples of each task
ByTask GroupScored(const std::string& benchmark, std::span<const SampleRecord> samples);

// Whether a task is one of the metric's: "pass@1/family=share" is of that family only.
bool TakesPart(std::string_view metric, const SampleRecord& task);

// "bits_per_byte" is a ratio of sums, not a mean of values: bits and bytes of one task. Other
// metrics are means of values: one value of a task if it is of several attempts, one per sample
// for the rest; empty where the task takes no part.
bool IsRatio(std::string_view metric);
struct Ratio {
  double bits = 0, bytes = 0;
};
Ratio TaskRatio(const Samples& samples);
std::vector<double> TaskValues(std::string_view metric, const Samples& samples);

}  // namespace internal
}  // namespace agon::judge
