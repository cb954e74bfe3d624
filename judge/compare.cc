// Two evaluations side by side, task by task.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "judge/metrics.h"
#include "judge/significance.h"

namespace agon::judge {
namespace {

using internal::ByTask;
using internal::Samples;

double Mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

Comparison ToComparison(const EvalResult& a, const EvalResult& b, const Metric& metric,
                        const Estimate& diff, int64_t tasks_needed) {
  return {.benchmark = metric.benchmark,
          .metric = metric.metric,
          .a = a.model,
          .b = b.model,
          .diff = diff.value,
          .stderr_ = diff.stderr_,
          .ci_low = diff.ci_low,
          .ci_high = diff.ci_high,
          .p_value = PValue(diff),
          .p_adjusted = NAN,
          .min_effect = MinimumDetectableEffect(diff.stderr_),
          .n = diff.num_clusters,
          .tasks_needed = tasks_needed};
}

// Samples of the tasks that both have scored and that are the metric's.
std::vector<std::pair<const Samples*, const Samples*>> Shared(const std::string& metric,
                                                              const ByTask& tasks_a,
                                                              const ByTask& tasks_b) {
  std::vector<std::pair<const Samples*, const Samples*>> shared;
  for (const auto& [index, samples] : tasks_a) {
    const auto other = tasks_b.find(index);
    if (other == tasks_b.end() || !internal::TakesPart(metric, *samples.front())) continue;
    shared.emplace_back(&samples, &other->second);
  }
  return shared;
}

// The bytes of a text are the same for both, so the difference of ratios is a ratio, too.
std::optional<Comparison> CompareRatio(const EvalResult& a, const EvalResult& b,
                                       const Metric& metric, const ByTask& tasks_a,
                                       const ByTask& tasks_b) {
  std::vector<double> bits, bytes;
  for (const auto& [of_a, of_b] : Shared(metric.metric, tasks_a, tasks_b)) {
    bits.push_back(internal::TaskRatio(*of_b).bits - internal::TaskRatio(*of_a).bits);
    bytes.push_back(internal::TaskRatio(*of_a).bytes);
  }
  if (bits.empty()) return std::nullopt;
  const Estimate diff = ClusteredRatio(bits, bytes);
  const auto num_tasks = static_cast<double>(diff.num_clusters);
  const DifferenceVariance variance{num_tasks * diff.stderr_ * diff.stderr_, 0, 0};
  return ToComparison(a, b, metric, diff, TasksNeeded(diff.value, variance, 1, 1));
}

std::optional<Comparison> CompareMean(const EvalResult& a, const EvalResult& b,
                                      const Metric& metric, const ByTask& tasks_a,
                                      const ByTask& tasks_b) {
  std::vector<std::vector<double>> values_a, values_b;
  std::vector<double> means_a, means_b;
  double num_a = 0, num_b = 0;  // values
  for (const auto& [samples_a, samples_b] : Shared(metric.metric, tasks_a, tasks_b)) {
    auto of_a = internal::TaskValues(metric.metric, *samples_a);
    auto of_b = internal::TaskValues(metric.metric, *samples_b);
    if (of_a.empty() || of_b.empty()) continue;
    num_a += static_cast<double>(of_a.size());
    num_b += static_cast<double>(of_b.size());
    means_a.push_back(Mean(of_a));
    means_b.push_back(Mean(of_b));
    values_a.push_back(std::move(of_a));
    values_b.push_back(std::move(of_b));
  }
  if (values_a.empty()) return std::nullopt;
  const Estimate diff = PairedDifference(means_a, means_b);
  const auto num_tasks = static_cast<double>(values_a.size());
  return ToComparison(a, b, metric, diff,
                      TasksNeeded(diff.value, EstimateDifferenceVariance(values_a, values_b),
                                  num_a / num_tasks, num_b / num_tasks));
}

// Holm's correction over the headline metrics, the first of each benchmark.
void AdjustHeadlines(std::vector<Comparison>& comparisons) {
  std::vector<size_t> headlines;
  std::vector<double> p_values;
  for (size_t i = 0; i < comparisons.size(); ++i) {
    const bool is_first = i == 0 || comparisons[i].benchmark != comparisons[i - 1].benchmark ||
                          comparisons[i].b != comparisons[i - 1].b;
    if (!is_first) continue;
    headlines.push_back(i);
    p_values.push_back(comparisons[i].p_value);
  }
  const std::vector<double> adjusted = HolmAdjusted(p_values);
  for (size_t i = 0; i < headlines.size(); ++i) {
    comparisons[headlines[i]].p_adjusted = adjusted[i];
  }
}

}  // namespace

std::vector<Comparison> Compare(const EvalResult& a, const EvalResult& b) {
  std::vector<Comparison> comparisons;
  for (const BenchmarkRun& run : a.benchmarks) {
    const ByTask tasks_a = internal::GroupScored(run.name, a.samples);
    const ByTask tasks_b = internal::GroupScored(run.name, b.samples);
    for (const Metric& metric : a.metrics) {
      if (metric.benchmark != run.name || metric.metric == "masked" || metric.metric == "elo") {
        continue;
      }
      auto comparison = internal::IsRatio(metric.metric)
                            ? CompareRatio(a, b, metric, tasks_a, tasks_b)
                            : CompareMean(a, b, metric, tasks_a, tasks_b);
      if (comparison) comparisons.push_back(*std::move(comparison));
    }
  }
  if (comparisons.empty() && !a.benchmarks.empty()) {
    throw Error(ErrorKind::kUsage, "the two evaluations have no scored task in common",
                a.benchmarks.front().name, "evaluate both models on the same suite");
  }
  AdjustHeadlines(comparisons);
  return comparisons;
}

std::vector<Comparison> CompareWithFirst(std::span<const EvalResult> models) {
  std::vector<Comparison> comparisons;
  for (size_t i = 1; i < models.size(); ++i) {
    auto of_pair = Compare(models[0], models[i]);
    std::move(of_pair.begin(), of_pair.end(), std::back_inserter(comparisons));
  }
  AdjustHeadlines(comparisons);
  return comparisons;
}

}  // namespace agon::judge
