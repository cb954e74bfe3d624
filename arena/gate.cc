#include "arena/gate.h"

#include <algorithm>
#include <cstdio>
#include <numeric>

#include "core/error.h"

namespace agon::arena {

GateResult RunGate(const GateOptions& options, const PlayPairs& play,
                   const std::function<void(const GateResult&)>& on_round) {
  AGON_CHECK(options.tasks_per_round > 0);
  GateResult result;
  result.test = Sprt(result.scores, options.sprt);
  while (result.test.decision == SprtDecision::kMoreGames && result.num_tasks < options.max_tasks) {
    const auto count = static_cast<size_t>(
        std::min<int64_t>(options.tasks_per_round, options.max_tasks - result.num_tasks));
    std::vector<uint64_t> tasks(count);
    std::iota(tasks.begin(), tasks.end(), static_cast<uint64_t>(result.num_tasks));
    for (const double points : play(tasks)) ++result.scores[PairScoreIndex(points)];
    result.num_tasks += static_cast<int64_t>(count);
    result.test = Sprt(result.scores, options.sprt);
    if (on_round) on_round(result);
  }
  return result;
}

std::string GateText(const GateResult& result, const GateOptions& options) {
  char text[200];
  std::snprintf(text, sizeof text,
                "%s: %+.1f ± %.1f Elo after %.0f pairs (LLR %.2f of [%.2f, %.2f], H0 %g, H1 %g)",
                SprtDecisionName(result.test.decision), result.test.elo, result.test.elo_error,
                result.test.num_pairs, result.test.llr, result.test.lower, result.test.upper,
                options.sprt.elo0, options.sprt.elo1);
  return text;
}

}  // namespace agon::arena
