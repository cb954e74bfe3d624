#include "judge/metrics.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>
#include <set>
#include <utility>

#include "judge/attempts.h"
#include "judge/text.h"

namespace agon::judge {
namespace {

using internal::ByTask;
using internal::Samples;

// The k of "pass@k", "pass^k" or "maj@k"; 0 of another metric.
int AttemptsOf(std::string_view metric) {
  for (const std::string_view name : {"pass@", "pass^", "maj@"}) {
    if (!metric.starts_with(name)) continue;
    int k = 0;
    std::from_chars(metric.data() + name.size(), metric.data() + metric.size(), k);
    return k;
  }
  return 0;
}

double OfAttempts(std::string_view metric, const Samples& samples, int k) {
  if (metric.starts_with("maj@")) {
    std::vector<Vote> votes;
    for (const SampleRecord* sample : samples) {
      votes.push_back({sample->extracted, sample->correct});
    }
    return MajorityAtN(votes);
  }
  const auto num_correct = static_cast<int>(
      std::count_if(samples.begin(), samples.end(), [](const auto* s) { return s->correct; }));
  const auto num_samples = static_cast<int>(samples.size());
  return metric.starts_with("pass^") ? PassHatK(num_samples, num_correct, k)
                                     : PassAtK(num_samples, num_correct, k);
}

Metric ToMetric(const std::string& benchmark, const std::string& name, const Estimate& estimate) {
  Metric metric{benchmark,
                name,
                estimate.value,
                estimate.stderr_,
                estimate.ci_low,
                estimate.ci_high,
                estimate.num_clusters};
  if (TraitsOf(name).is_share) {
    metric.ci_low = std::clamp(metric.ci_low, 0.0, 1.0);
    metric.ci_high = std::clamp(metric.ci_high, 0.0, 1.0);
    // Where all tasks agree their spread says nothing; the exact binomial interval does
    // (Clopper and Pearson 1934).
    const double bound = std::pow(0.025, 1 / static_cast<double>(metric.n));
    if (metric.value == 1) metric.ci_low = bound, metric.ci_high = 1;
    if (metric.value == 0) metric.ci_low = 0, metric.ci_high = 1 - bound;
  }
  return metric;
}

Metric Measure(const std::string& benchmark, const std::string& metric, const ByTask& tasks) {
  std::vector<std::vector<double>> clusters;
  std::vector<double> bits, bytes;
  for (const auto& [index, samples] : tasks) {
    if (!internal::TakesPart(metric, *samples.front())) continue;
    if (internal::IsRatio(metric)) {
      const internal::Ratio ratio = internal::TaskRatio(samples);
      bits.push_back(ratio.bits);
      bytes.push_back(ratio.bytes);
    } else {
      clusters.push_back(internal::TaskValues(metric, samples));
    }
  }
  return ToMetric(
      benchmark, metric,
      internal::IsRatio(metric) ? ClusteredRatio(bits, bytes) : ClusteredMean(clusters));
}

// pass@k, pass^k and maj@k of answers that were sampled, and what else is known of them. Where a
// judge decides there is nothing right or wrong, and its score leads.
std::vector<std::string> SampledNames(bool is_judged, std::span<const SampleRecord> samples) {
  uint32_t num_samples = 1;
  bool has_answers = false;
  std::set<std::string> scores;
  for (const SampleRecord& sample : samples) {
    num_samples = std::max(num_samples, sample.sample + 1);
    has_answers |= !sample.extracted.empty();
    for (const auto& [name, value] : sample.scores) scores.insert(name);
  }
  scores.erase("score");
  if (is_judged) {
    std::vector<std::string> names = {"score", "length", "truncated"};
    names.insert(names.end(), scores.begin(), scores.end());
    return names;
  }
  std::set<uint32_t> attempts = {num_samples};
  for (uint32_t k = 1; k < num_samples; k *= 2) attempts.insert(k);
  std::vector<std::string> names;
  for (const uint32_t k : attempts) names.push_back("pass@" + std::to_string(k));
  for (const uint32_t k : attempts) {
    if (k > 1) names.push_back("pass^" + std::to_string(k));
  }
  if (has_answers && num_samples > 1) names.push_back("maj@" + std::to_string(num_samples));
  names.insert(names.end(), {"reward", "length", "truncated"});
  names.insert(names.end(), scores.begin(), scores.end());
  return names;
}

std::vector<std::string> MetricNames(const BenchmarkRun& run,
                                     std::span<const SampleRecord> samples) {
  std::vector<std::string> names;
  switch (run.kind) {
    case BenchmarkKind::kEnvironment:
    case BenchmarkKind::kGeneration:
      names = SampledNames(run.is_judged, samples);
      break;
    case BenchmarkKind::kChoice:
      names = {"acc", "acc_norm", "acc_bytes"};
      break;
    case BenchmarkKind::kText:
      names = {"bits_per_byte"};
      break;
  }
  std::set<std::string> families;
  std::set<int> difficulties;
  for (const SampleRecord& sample : samples) {
    if (!sample.family.empty()) families.insert(sample.family);
    difficulties.insert(sample.difficulty);
  }
  const std::string headline = names.front();
  if (families.size() > 1) {
    for (const std::string& family : families) names.push_back(headline + "/family=" + family);
  }
  if (difficulties.size() > 1) {
    for (const int difficulty : difficulties) {
      names.push_back(headline + "/difficulty=" + std::to_string(difficulty));
    }
  }
  return names;
}

}  // namespace

namespace internal {

ByTask GroupScored(const std::string& benchmark, std::span<const SampleRecord> samples) {
  ByTask tasks;
  for (const SampleRecord& sample : samples) {
    if (sample.benchmark == benchmark && !sample.masked) {
      tasks[sample.task_index].push_back(&sample);
    }
  }
  return tasks;
}

bool TakesPart(std::string_view metric, const SampleRecord& task) {
  const MetricName name = SplitMetricName(metric);
  if (!name.is_breakdown()) return true;
  return name.key == "family" ? task.family == name.value
                              : std::to_string(task.difficulty) == name.value;
}

bool IsRatio(std::string_view metric) { return metric.starts_with("bits_per_byte"); }

Ratio TaskRatio(const Samples& samples) {
  Ratio ratio;
  for (const SampleRecord* sample : samples) {
    const auto nats = sample->scores.find("nats"), bytes = sample->scores.find("bytes");
    if (nats == sample->scores.end() || bytes == sample->scores.end()) continue;
    ratio.bits += nats->second / std::numbers::ln2;
    ratio.bytes += bytes->second;
  }
  return ratio;
}

std::vector<double> TaskValues(std::string_view metric, const Samples& samples) {
  std::vector<double> values;
  if (const int k = AttemptsOf(metric); k > 0) {
    if (static_cast<int>(samples.size()) >= k) values.push_back(OfAttempts(metric, samples, k));
    return values;
  }
  const std::string name(SplitMetricName(metric).of);
  for (const SampleRecord* sample : samples) {
    if (name == "reward") {
      values.push_back(sample->reward);
    } else if (name == "length") {
      values.push_back(sample->num_tokens);
    } else if (name == "truncated") {
      values.push_back(static_cast<double>(sample->truncated));
    } else if (const auto found = sample->scores.find(name); found != sample->scores.end()) {
      values.push_back(found->second);
    }
  }
  return values;
}

}  // namespace internal

MetricName SplitMetricName(std::string_view metric) {
  for (const std::string_view key : {"family", "difficulty"}) {
    const std::string mark = "/" + std::string(key) + "=";
    const size_t at = metric.find(mark);
    if (at == std::string_view::npos) continue;
    return {metric.substr(0, at), key, metric.substr(at + mark.size())};
  }
  return {metric, "", ""};
}

MetricTraits TraitsOf(std::string_view metric) {
  const std::string_view name = SplitMetricName(metric).of;
  if (name == "truncated") return {true, -1};
  if (name == "length" || name == "masked") return {false, 0};
  if (internal::IsRatio(name)) return {false, -1};
  return {AttemptsOf(name) > 0 || name.starts_with("acc") || name.starts_with("match:"), 1};
}

std::string MetricText(std::string_view metric, double value) {
  return TraitsOf(metric).is_share ? FormatPercent(value) : FormatShort(value);
}

std::string DifferenceText(std::string_view metric, double difference) {
  if (TraitsOf(metric).is_share) return FormatPoints(difference);
  return (difference > 0 ? "+" : "") + FormatShort(difference);
}

std::string IntervalText(const Metric& metric) {
  if (!(metric.ci_high > metric.ci_low)) return "";
  return "[" + MetricText(metric.metric, metric.ci_low) + ", " +
         MetricText(metric.metric, metric.ci_high) + "]";
}

std::string IntervalText(const Comparison& comparison) {
  if (!(comparison.ci_high > comparison.ci_low)) return "";
  return "[" + DifferenceText(comparison.metric, comparison.ci_low) + ", " +
         DifferenceText(comparison.metric, comparison.ci_high) + "]";
}

std::vector<Metric> ComputeMetrics(const BenchmarkRun& run, std::span<const SampleRecord> samples) {
  const ByTask tasks = internal::GroupScored(run.name, samples);
  std::vector<Metric> metrics;
  for (const std::string& name : MetricNames(run, samples)) {
    metrics.push_back(Measure(run.name, name, tasks));
  }
  const auto num_masked = static_cast<double>(
      std::count_if(samples.begin(), samples.end(), [](const auto& s) { return s.masked; }));
  std::set<uint64_t> indices;
  for (const SampleRecord& sample : samples) indices.insert(sample.task_index);
  metrics.push_back({run.name, "masked", num_masked, 0, num_masked, num_masked,
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
  return {score.benchmark,    "elo",  elo(score.value), NAN, elo(score.ci_low),
          elo(score.ci_high), score.n};
}

const Metric* FindMetric(const EvalResult& result, const std::string& benchmark,
                         const std::string& metric) {
  const auto found =
      std::find_if(result.metrics.begin(), result.metrics.end(),
                   [&](const Metric& m) { return m.benchmark == benchmark && m.metric == metric; });
  return found == result.metrics.end() ? nullptr : &*found;
}

const Metric* HeadlineOf(const EvalResult& result, const std::string& benchmark) {
  const auto found = std::find_if(result.metrics.begin(), result.metrics.end(),
                                  [&](const Metric& m) { return m.benchmark == benchmark; });
  return found == result.metrics.end() ? nullptr : &*found;
}

bool HasRightAnswers(const EvalResult& result, const std::string& benchmark) {
  const Metric* headline = HeadlineOf(result, benchmark);
  return headline != nullptr && TraitsOf(headline->metric).is_share;
}

}  // namespace agon::judge
