#include "judge/metrics.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "core/error.h"
#include "judge/statistics.h"

namespace agon::judge {
namespace {

using Samples = std::vector<const SampleRecord*>;
using ByTask = std::map<uint64_t, Samples>;  // scored samples of each task

bool IsShare(std::string_view metric) {
  return metric.starts_with("pass@") || metric.starts_with("truncated");
}

Metric ToMetric(const std::string& suite, const std::string& name, const Estimate& estimate) {
  Metric metric{suite,
                name,
                estimate.value,
                estimate.stderr_,
                estimate.ci_low,
                estimate.ci_high,
                estimate.num_clusters};
  if (IsShare(name)) {
    metric.ci_low = std::clamp(metric.ci_low, 0.0, 1.0);
    metric.ci_high = std::clamp(metric.ci_high, 0.0, 1.0);
    // Where all tasks agree their spread says nothing; the exact binomial bound does
    // (Clopper and Pearson 1934).
    const double bound = std::pow(0.025, 1 / static_cast<double>(metric.n));
    if (metric.value == 1) metric.ci_low = bound;
    if (metric.value == 0) metric.ci_high = 1 - bound;
  }
  return metric;
}

ByTask GroupScored(std::span<const SampleRecord> samples) {
  ByTask tasks;
  for (const SampleRecord& sample : samples) {
    if (!sample.masked) tasks[sample.task_index].push_back(&sample);
  }
  return tasks;
}

double TaskPassAt(const Samples& samples, int k) {
  const auto num_correct =
      std::count_if(samples.begin(), samples.end(), [](const auto* s) { return s->correct; });
  return PassAtK(static_cast<int>(samples.size()), static_cast<int>(num_correct), k);
}

// What a metric is of one task: one value for pass@k, one per sample for the rest. The
// inverse of the names that ComputeMetrics gives. Empty where the task takes no part.
std::vector<double> TaskValues(const std::string& metric, const Samples& samples) {
  std::vector<double> values;
  if (metric.starts_with("pass@")) {
    int k = 0;
    const char* begin = metric.data() + 5;
    std::from_chars(begin, metric.data() + metric.size(), k);
    if (k >= 1 && static_cast<int>(samples.size()) >= k) values.push_back(TaskPassAt(samples, k));
    return values;
  }
  for (const SampleRecord* sample : samples) {
    values.push_back(metric == "reward"   ? sample->reward
                     : metric == "length" ? sample->num_tokens
                                          : static_cast<double>(sample->truncated));
  }
  return values;
}

using Filter = std::function<bool(const SampleRecord&)>;

// "pass@1/family=share" means the tasks of that family only.
Filter FilterOf(const std::string& metric) {
  const size_t slash = metric.find('/');
  if (slash == std::string::npos) return [](const SampleRecord&) { return true; };
  const std::string part = metric.substr(slash + 1);
  const size_t equals = part.find('=');
  const std::string key = part.substr(0, equals), value = part.substr(equals + 1);
  if (key == "family") return [value](const SampleRecord& s) { return s.family == value; };
  return [value](const SampleRecord& s) { return std::to_string(s.difficulty) == value; };
}

Metric Measure(const std::string& suite, const std::string& metric, const ByTask& tasks) {
  const Filter keep = FilterOf(metric);
  std::vector<std::vector<double>> clusters;
  for (const auto& [index, samples] : tasks) {
    if (keep(*samples.front())) clusters.push_back(TaskValues(metric, samples));
  }
  return ToMetric(suite, metric, ClusteredMean(clusters));
}

double Mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

std::vector<std::string> MetricNames(std::span<const SampleRecord> samples,
                                     std::span<const int> pass_at) {
  std::vector<std::string> names;
  for (const int k : pass_at) names.push_back("pass@" + std::to_string(k));
  names.insert(names.end(), {"reward", "length", "truncated"});
  std::set<std::string> families;
  std::set<int> difficulties;
  for (const SampleRecord& sample : samples) {
    if (!sample.family.empty()) families.insert(sample.family);
    difficulties.insert(sample.difficulty);
  }
  for (const std::string& family : families) names.push_back("pass@1/family=" + family);
  for (const int difficulty : difficulties) {
    names.push_back("pass@1/difficulty=" + std::to_string(difficulty));
  }
  return names;
}

ByTask TasksOf(const EvalResult& result, const std::string& suite) {
  ByTask tasks;
  for (const SampleRecord& sample : result.samples) {
    if (sample.suite == suite && !sample.masked) tasks[sample.task_index].push_back(&sample);
  }
  return tasks;
}

std::optional<Comparison> CompareMetric(const EvalResult& a, const EvalResult& b,
                                        const Metric& metric, const ByTask& tasks_a,
                                        const ByTask& tasks_b) {
  const Filter keep = FilterOf(metric.metric);
  std::vector<double> values_a, values_b;
  for (const auto& [index, samples] : tasks_a) {
    const auto other = tasks_b.find(index);
    if (other == tasks_b.end() || !keep(*samples.front())) continue;
    const auto of_a = TaskValues(metric.metric, samples);
    const auto of_b = TaskValues(metric.metric, other->second);
    if (of_a.empty() || of_b.empty()) continue;
    values_a.push_back(Mean(of_a));
    values_b.push_back(Mean(of_b));
  }
  if (values_a.empty()) return std::nullopt;
  const Estimate diff = PairedDifference(values_a, values_b);
  return Comparison{metric.suite, metric.metric, a.model,     b.model,
                    diff.value,   diff.ci_low,   diff.ci_high};
}

}  // namespace

std::vector<Metric> ComputeMetrics(const std::string& suite, std::span<const SampleRecord> samples,
                                   std::span<const int> pass_at) {
  const ByTask tasks = GroupScored(samples);
  std::vector<Metric> metrics;
  for (const std::string& name : MetricNames(samples, pass_at)) {
    metrics.push_back(Measure(suite, name, tasks));
  }
  const auto num_masked = static_cast<double>(
      std::count_if(samples.begin(), samples.end(), [](const auto& s) { return s.masked; }));
  std::set<uint64_t> indices;
  for (const SampleRecord& sample : samples) indices.insert(sample.task_index);
  metrics.push_back({suite, "masked", num_masked, 0, num_masked, num_masked,
                     static_cast<int64_t>(indices.size())});
  return metrics;
}

double EloDifference(double score, int64_t n) {
  const double margin = 0.5 / static_cast<double>(std::max<int64_t>(1, n));
  const double s = std::clamp(score, margin, 1 - margin);
  return 400 * std::log10(s / (1 - s));
}

Metric EloOf(const Metric& score) {
  const auto elo = [&](double s) { return EloDifference(s, score.n); };
  return {score.suite,        "elo",  elo(score.value), NAN, elo(score.ci_low),
          elo(score.ci_high), score.n};
}

const Metric* FindMetric(const EvalResult& result, const std::string& suite,
                         const std::string& metric) {
  const auto found =
      std::find_if(result.metrics.begin(), result.metrics.end(),
                   [&](const Metric& m) { return m.suite == suite && m.metric == metric; });
  return found == result.metrics.end() ? nullptr : &*found;
}

std::vector<std::string> SuitesOf(const EvalResult& result) {
  std::vector<std::string> suites;
  for (const SampleRecord& sample : result.samples) {
    if (std::find(suites.begin(), suites.end(), sample.suite) == suites.end()) {
      suites.push_back(sample.suite);
    }
  }
  return suites;
}

std::vector<Comparison> Compare(const EvalResult& a, const EvalResult& b) {
  std::vector<Comparison> comparisons;
  for (const std::string& suite : SuitesOf(a)) {
    const ByTask tasks_a = TasksOf(a, suite), tasks_b = TasksOf(b, suite);
    const bool shared = std::any_of(tasks_a.begin(), tasks_a.end(),
                                    [&](const auto& task) { return tasks_b.contains(task.first); });
    if (!shared) {
      throw Error(ErrorKind::kUsage, "the two evaluations have no scored task in common", suite,
                  "evaluate both models on the same suite");
    }
    for (const Metric& metric : a.metrics) {
      if (metric.suite != suite || metric.metric == "masked" || metric.metric == "elo") {
        continue;
      }
      if (auto comparison = CompareMetric(a, b, metric, tasks_a, tasks_b)) {
        comparisons.push_back(*std::move(comparison));
      }
    }
  }
  return comparisons;
}

}  // namespace agon::judge
