// What reports say in numbers, independent of how they say it.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "judge/metrics.h"
#include "judge/report_parts.h"
#include "judge/significance.h"
#include "judge/statistics.h"
#include "judge/text.h"

namespace agon::judge {
namespace {

double Median(const std::vector<std::pair<double, double>>& points) {
  if (points.empty()) return kNan;
  std::vector<double> values;
  for (const auto& [step, value] : points) values.push_back(value);
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// Ends of a noisy curve: means over a tenth of it, at most ten steps.
void SetEnds(const std::vector<std::pair<double, double>>& points, StageSummary& summary) {
  const size_t num_ends = std::clamp<size_t>(points.size() / 10, 1, 10);
  double first = 0, last = 0;
  for (size_t i = 0; i < num_ends; ++i) {
    first += points[i].second;
    last += points[points.size() - 1 - i].second;
  }
  summary.first = first / static_cast<double>(num_ends);
  summary.last = last / static_cast<double>(num_ends);
}

Change ChangeOf(const SampleRecord& before, const SampleRecord& after) {
  if (before.correct) return after.correct ? Change::kBothRight : Change::kWorse;
  return after.correct ? Change::kBetter : Change::kBothWrong;
}

}  // namespace

std::vector<StageSummary> SummarizeStages(const RunLogs& logs) {
  std::vector<StageSummary> summaries;
  for (const StageLog& log : logs.log) {
    StageSummary summary{log.stage, log.last_step, kNan, kNan, kNan, "", kNan, kNan};
    for (const char* field : {"correct", "reward", "loss"}) {
      if (log.Get(field).empty()) continue;
      summary.measure = field;
      SetEnds(log.Get(field), summary);
      break;
    }
    if (const StageLog* timing = FindStage(logs.timing, log.stage)) {
      const auto& seconds = timing->Get("seconds");
      if (!seconds.empty()) summary.seconds = 0;
      for (const auto& [step, value] : seconds) summary.seconds += value;
      summary.tokens_per_s = Median(timing->Get("tokens_per_s"));
      summary.percent_of_ceiling = Median(timing->Get("percent_of_ceiling"));
    }
    summaries.push_back(summary);
  }
  return summaries;
}

size_t PairedSamples::size() const {
  size_t total = 0;
  for (const auto& of_change : pairs) total += of_change.size();
  return total;
}

PairedSamples PairSamples(const EvalResult& before, const EvalResult& after) {
  using Key = std::tuple<std::string_view, uint64_t, uint32_t>;
  std::map<Key, const SampleRecord*> others;
  for (const SampleRecord& sample : after.samples) {
    if (!sample.masked) others[{sample.benchmark, sample.task_index, sample.sample}] = &sample;
  }
  std::set<std::string_view> graded;
  for (const BenchmarkRun& run : before.benchmarks) {
    if (HasRightAnswers(before, run.name)) graded.insert(run.name);
  }
  PairedSamples paired;
  for (const SampleRecord& sample : before.samples) {
    if (!graded.contains(sample.benchmark)) continue;
    const auto other = others.find({sample.benchmark, sample.task_index, sample.sample});
    if (sample.masked || other == others.end()) continue;
    paired.pairs[static_cast<size_t>(ChangeOf(sample, *other->second))].push_back(
        {&sample, other->second});
  }
  return paired;
}

std::string ToneOf(size_t i, size_t n) {
  constexpr std::array<const char*, 4> kBetween = {"third", "fourth", "fifth", "sixth"};
  if (i + 1 == n) return "after";
  return i == 0 ? "before" : kBetween[(i - 1) % kBetween.size()];
}

Finding FindingOf(const Comparison& comparison) {
  const double gain = comparison.diff * TraitsOf(comparison.metric).better;
  if (!(comparison.p_adjusted < kAlpha) || gain == 0) return Finding::kUnclear;
  return gain > 0 ? Finding::kBetter : Finding::kWorse;
}

const char* FindingName(Finding finding) {
  switch (finding) {
    case Finding::kBetter:
      return "better";
    case Finding::kWorse:
      return "worse";
    case Finding::kUnclear:
      return "unclear";
  }
  return "";
}

std::vector<const Comparison*> HeadlineComparisons(const ReportInput& input,
                                                   const std::string& model) {
  std::vector<const Comparison*> headlines;
  if (input.models.empty()) return headlines;
  for (const BenchmarkRun& run : input.models.front().benchmarks) {
    const Metric* metric = HeadlineOf(input.models.front(), run.name);
    if (metric == nullptr) continue;
    const Comparison* found = FindComparison(input, run.name, metric->metric, model);
    if (found != nullptr) headlines.push_back(found);
  }
  return headlines;
}

BenchmarkCost CostOf(const EvalResult& model, const BenchmarkRun& run) {
  BenchmarkCost cost;
  cost.seconds = run.seconds;
  const bool is_graded = HasRightAnswers(model, run.name);
  for (const SampleRecord& sample : model.samples) {
    if (sample.benchmark != run.name) continue;
    ++cost.num_samples;
    cost.num_tokens += sample.num_tokens;
    if (!is_graded) continue;
    cost.num_correct += sample.correct ? 1 : 0;
    cost.num_graded_tokens += sample.num_tokens;
  }
  return cost;
}

BenchmarkCost& BenchmarkCost::operator+=(const BenchmarkCost& other) {
  seconds += other.seconds;
  num_tokens += other.num_tokens;
  num_samples += other.num_samples;
  num_correct += other.num_correct;
  num_graded_tokens += other.num_graded_tokens;
  return *this;
}

std::string Counted(size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

std::string PText(double p) {
  if (std::isnan(p)) return "";
  return p < 0.001 ? "p < 0.001" : "p = " + FormatNumber(p, p < 0.1 ? 3 : 2);
}

const Comparison* FindComparison(const ReportInput& input, const std::string& benchmark,
                                 const std::string& metric, const std::string& b) {
  const auto found =
      std::find_if(input.comparisons.begin(), input.comparisons.end(), [&](const Comparison& c) {
        return c.benchmark == benchmark && c.metric == metric && c.b == b;
      });
  return found == input.comparisons.end() ? nullptr : &*found;
}

}  // namespace agon::judge
