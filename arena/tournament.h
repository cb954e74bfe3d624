// Tournaments without people: which pair meets next, and when it is enough.
//
// Who plays is the caller's: this folder knows neither policies nor environments.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "arena/arena.h"

namespace agon::arena {

// Lets two models meet on tasks of these indices and returns what came of it: at most two
// matches a task, none for a task that couldn't be decided. `decider`, `subject` and `task` of
// equal tasks are equal; TaskIndex(task) is the index.
using PlayContest = std::function<std::vector<Match>(const Model& a, const Model& b,
                                                     std::span<const uint64_t> tasks)>;
// 17 of "test 42/17"; nullopt if the name has another form.
std::optional<uint64_t> TaskIndex(const std::string& task);

struct TournamentOptions {
  std::string decider{}, subject{};   // which of the arena's matches are this tournament's
  std::vector<std::string> models{};  // empty: all active ones with a location
  int64_t max_matches = 200;          // new ones
  int tasks_per_contest = 16;
  // Also stop when no difference has a larger standard error than this, in points; 0: never.
  double enough_error = 0;
};

struct TournamentProgress {
  int64_t num_matches = 0, max_matches = 0;  // new ones
  std::string pair;                          // "A against B"
};

struct TournamentResult {
  int64_t num_matches = 0;   // new ones
  double largest_error = 0;  // of a difference, points; infinity where nothing links two
};

// Contest by contest, each committed when it ends, the next between the pair whose difference
// gains most from one more verdict: a tournament that was stopped goes on where it was. Throws
// kUsage with fewer than two models, and kFailed if a contest decides nothing.
TournamentResult RunTournament(Arena& arena, const TournamentOptions& options,
                               const PlayContest& play,
                               const std::function<void(const TournamentProgress&)>& on_progress);

}  // namespace agon::arena
