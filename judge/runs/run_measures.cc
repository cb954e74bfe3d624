#include "judge/runs/run_measures.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>

#include "judge/metrics.h"

namespace agon::judge {
namespace {

using Track = std::vector<std::pair<double, double>>;
using Value = std::optional<double>;

Value MeanOf(const Track& points, size_t begin, size_t count) {
  if (points.empty()) return std::nullopt;
  double sum = 0;
  for (size_t i = begin; i < begin + count; ++i) sum += points[i].second;
  return sum / static_cast<double>(count);
}

Value AtTheEnd(const Track& points) {
  const size_t count = std::clamp<size_t>(points.size() / 10, 1, 10);
  return points.empty() ? std::nullopt : MeanOf(points, points.size() - count, count);
}

Value Last(const Track& points) {
  return points.empty() ? std::nullopt : Value(points.back().second);
}

// The first step of the window whose mean is highest.
size_t BestWindow(const Track& points, size_t window) {
  size_t best = 0;
  for (size_t i = 0; i + window <= points.size(); ++i) {
    if (*MeanOf(points, i, window) > *MeanOf(points, best, window)) best = i;
  }
  return best;
}

const Track& Field(const RecordedRun& run, const std::string& stage, const std::string& field) {
  static const Track kNone;
  const StageLog* log = FindStage(run.log, stage);
  return log ? log->Get(field) : kNone;
}

// Of the environment's reward beside a learned one.
Value BestGold(const RecordedRun& run) {
  const Track& gold = Field(run, "rl", "gold");
  const size_t window = std::min(kBestSteps, gold.size());
  return MeanOf(gold, BestWindow(gold, window), window);
}

Value DistanceOfBestGold(const RecordedRun& run) {
  const StageLog* log = FindStage(run.log, "rl");
  if (log == nullptr) return std::nullopt;
  Track gold, distance;
  for (const auto& [d, value] : log->Over("distance", "gold")) {
    gold.emplace_back(d, value);
    distance.emplace_back(d, d);
  }
  const size_t window = std::min(kBestSteps, gold.size());
  return MeanOf(distance, BestWindow(gold, window), window);
}

struct MeasureKind {
  std::string name;
  bool is_share;
  int better;
  std::function<Value(const RecordedRun&)> of;
};

// Of what was evaluated last, benchmark by benchmark.
std::vector<MeasureKind> EvaluatedKinds(std::span<const RunGroup> groups) {
  std::vector<MeasureKind> kinds;
  std::vector<std::array<std::string, 3>> known;  // benchmark, metric, stage
  for (const RunGroup& group : groups) {
    for (const RecordedRun& run : group.runs) {
      if (!run.evaluation) continue;
      for (const BenchmarkRun& benchmark : run.evaluation->benchmarks) {
        const Metric* headline = HeadlineOf(*run.evaluation, benchmark.name);
        if (headline == nullptr) continue;
        const std::array key{benchmark.name, headline->metric, run.evaluated};
        if (std::find(known.begin(), known.end(), key) != known.end()) continue;
        known.push_back(key);
        const MetricTraits traits = TraitsOf(headline->metric);
        kinds.push_back({key[1] + " of " + key[0] + " after " + key[2], traits.is_share,
                         traits.better, [key](const RecordedRun& of) -> Value {
                           if (of.evaluated != key[2]) return std::nullopt;
                           const Metric* metric = FindMetric(*of.evaluation, key[0], key[1]);
                           return metric ? Value(metric->value) : std::nullopt;
                         }});
      }
    }
  }
  return kinds;
}

std::vector<MeasureKind> LoggedKinds() {
  const auto end = [](const char* stage, const char* field) {
    return [=](const RecordedRun& run) { return AtTheEnd(Field(run, stage, field)); };
  };
  const auto last = [](const char* stage, const char* field) {
    return [=](const RecordedRun& run) { return Last(Field(run, stage, field)); };
  };
  return {{"best true reward", false, 1, BestGold},
          {"distance of the best", false, 0, DistanceOfBestGold},
          {"true reward at the end", false, 1, end("rl", "gold")},
          {"promised at the end", false, 0, end("rl", "promised")},
          {"right answers at the end", true, 1, end("rl", "correct")},
          // As it was shaped: with charges, and in the units of reward models.
          {"reward at the end", false, 0, end("rl", "reward")},
          {"tokens per episode at the end", false, 0, end("rl", "length")},
          {"steps of RL", false, 0,
           [](const RecordedRun& run) -> Value {
             const StageLog* log = FindStage(run.log, "rl");
             return log ? Value(static_cast<double>(log->last_step)) : std::nullopt;
           }},
          {"reward model's right answers", true, 1,
           [](const RecordedRun& run) {
             return run.reward_models.empty() ? std::nullopt
                                              : Value(run.reward_models.back().accuracy.value);
           }},
          {"SFT's validation loss", false, -1, last("sft", "val_loss")},
          {"pretraining's bits per byte", false, -1, last("pretrain", "val_bpb")}};
}

Estimate MeanOfRuns(const std::vector<Value>& values) {
  std::vector<std::vector<double>> clusters;
  for (const Value& value : values) {
    if (value) clusters.push_back({*value});
  }
  return ClusteredMean(clusters);
}

std::map<uint64_t, double> BySeed(const RunGroup& group, const MeasureOfGroup& measure) {
  std::map<uint64_t, double> by_seed;
  for (size_t i = 0; i < group.runs.size(); ++i) {
    if (measure.values[i]) by_seed.emplace(group.runs[i].seed, *measure.values[i]);
  }
  return by_seed;
}

// Over the seeds of both.
Estimate Difference(const std::map<uint64_t, double>& from, const std::map<uint64_t, double>& to) {
  std::vector<double> a, b;
  for (const auto& [seed, value] : to) {
    const auto found = from.find(seed);
    if (found == from.end()) continue;
    a.push_back(found->second);
    b.push_back(value);
  }
  return PairedDifference(a, b);
}

double Interpolate(const Track& curve, double x) {
  const auto next = std::lower_bound(curve.begin(), curve.end(), x,
                                     [](const auto& point, double at) { return point.first < at; });
  if (next == curve.begin()) return next->second;
  if (next == curve.end()) return curve.back().second;
  const auto& [x0, y0] = *(next - 1);
  return y0 + (next->second - y0) * (x - x0) / (next->first - x0);
}

}  // namespace

std::vector<RunMeasure> MeasuresOf(std::span<const RunGroup> groups) {
  std::vector<MeasureKind> kinds = EvaluatedKinds(groups);
  for (MeasureKind& kind : LoggedKinds()) kinds.push_back(std::move(kind));
  std::vector<RunMeasure> measures;
  for (const MeasureKind& kind : kinds) {
    RunMeasure measure{kind.name, kind.is_share, kind.better, {}};
    bool is_there = false;
    for (const RunGroup& group : groups) {
      MeasureOfGroup of;
      for (const RecordedRun& run : group.runs) {
        const Value value = kind.of(run);
        of.values.push_back(value && std::isfinite(*value) ? value : std::nullopt);
        is_there |= of.values.back().has_value();
      }
      of.mean = MeanOfRuns(of.values);
      const bool is_first = measure.groups.empty();
      of.difference = is_first
                          ? ClusteredMean({})
                          : Difference(BySeed(groups[0], measure.groups[0]), BySeed(group, of));
      measure.groups.push_back(std::move(of));
    }
    if (is_there) measures.push_back(std::move(measure));
  }
  return measures;
}

Track MeanCurve(std::span<const Track> curves, size_t num_points) {
  double first = -INFINITY, last = INFINITY;
  size_t count = 0;
  for (const Track& curve : curves) {
    if (curve.empty()) continue;
    ++count;
    first = std::max(first, curve.front().first);
    last = std::min(last, curve.back().first);
  }
  Track mean;
  if (count == 0 || last < first) return mean;
  const size_t steps = last > first ? num_points - 1 : 0;
  for (size_t i = 0; i <= steps; ++i) {
    const double x =
        steps == 0 ? first
                   : first + (last - first) * static_cast<double>(i) / static_cast<double>(steps);
    double sum = 0;
    for (const Track& curve : curves) sum += curve.empty() ? 0 : Interpolate(curve, x);
    mean.emplace_back(x, sum / static_cast<double>(count));
  }
  return mean;
}

}  // namespace agon::judge
