// Graded episodes to metrics: the arithmetic of Evaluate and Compare, without a model.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "judge/eval.h"

namespace agon::judge {

// Metrics of one suite as Evaluate lists them (judge/eval.h). A task with fewer than K
// scored samples takes no part in pass@K. Samples of one task stand together.
std::vector<Metric> ComputeMetrics(const std::string& suite, std::span<const SampleRecord> samples,
                                   std::span<const int> pass_at);

// By how much a player is rated above another, from its mean score over n games (win 1, draw
// 0.5): 400 log10(s / (1 - s)), Elo 1978. A score of 0 or 1 counts as half a game off.
double EloDifference(double score, int64_t n);
// "elo" of the metric "reward" of games; the interval is the score's, carried over.
Metric EloOf(const Metric& score);

// The metric of that name, or nullptr.
const Metric* FindMetric(const EvalResult& result, const std::string& suite,
                         const std::string& metric);

// Names of the suites in `samples`, in order of appearance.
std::vector<std::string> SuitesOf(const EvalResult& result);

}  // namespace agon::judge
