// The gate between a new checkpoint and its promotion: tasks are played until the sequential
// test (arena/sprt.h) has an answer.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "arena/sprt.h"

namespace agon::arena {

struct GateOptions {
  SprtOptions sprt{};
  int tasks_per_round = 32;   // played before the test is asked again
  int64_t max_tasks = 10000;  // then more games would be needed, and the answer says so
};

// Points of the new contestant, 0 to 2, of each pair of games that could be decided on these
// tasks: of both orders of a game, or twice the one result of a task that both answered.
using PlayPairs = std::function<std::vector<double>(std::span<const uint64_t> tasks)>;

struct GateResult {
  SprtResult test;
  PairScores scores{};
  int64_t num_tasks = 0;  // played, decided or not
};

// Tasks 0, 1, ... in rounds. The result depends on what `play` returns and on nothing else.
// Asking after each round instead of each pair overshoots the bounds, which makes both errors
// rarer. `on_round` may be empty. Throws Error(kUsage) on options that make no sense.
GateResult RunGate(const GateOptions& options, const PlayPairs& play,
                   const std::function<void(const GateResult&)>& on_round);

// "promoted: +35.2 ± 20.1 Elo after 96 pairs (LLR 3.02 of [-2.94, 2.94], H0 0, H1 20)".
std::string GateText(const GateResult& result, const GateOptions& options);

}  // namespace agon::arena
