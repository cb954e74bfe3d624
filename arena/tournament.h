// Tournaments without people: which pair meets next, and when it is enough.
//
// Who plays is the caller's: this folder knows neither policies nor environments.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "arena/arena.h"

namespace agon::arena {

// What came of a contest: at most two matches a task, none for a task that couldn't be decided.
// `decider`, `subject` and `task` of equal tasks are equal; `task` is TournamentOptions::tasks, "/"
// and the index.
struct ContestOutcome {
  ContestOutcome(std::vector<Match> decided = {}) : matches(std::move(decided)) {}
  std::vector<Match> matches;
  // A model that answered nothing at all, "" for none, and why: it meets nobody any more.
  std::string silent, why;
};
// Lets two models meet on tasks of these indices.
using PlayContest =
    std::function<ContestOutcome(const Model& a, const Model& b, std::span<const uint64_t> tasks)>;
// 17 of "test 42/17" where `tasks` is "test 42"; nullopt if the name has another form.
std::optional<uint64_t> TaskIndex(const std::string& task, const std::string& tasks);

// Why a model can't play from its folder, e.g. because other weights are there now than those
// that it was entered with; "" if it can, and for an endpoint, behind which nobody sees. Reads the
// weights.
std::string WhyNotHere(const Model& model);

struct TournamentOptions {
  std::string decider{}, subject{};   // which of the arena's matches are this tournament's
  std::string tasks{};                // split and seed of its tasks, "test 42"
  std::vector<std::string> models{};  // empty: all active ones that can play
  // Empty: all can play.
  std::function<std::string(const Model&)> why_not = WhyNotHere;
  // New ones. The second order of a game is never left out, so there may be one more.
  int64_t max_matches = 200;
  int tasks_per_contest = 16;
  // Also stop when no difference has a larger standard error than this, in points; 0: never.
  double enough_error = 0;
};

struct TournamentProgress {
  int64_t num_matches = 0, max_matches = 0;  // new ones
  std::string pair;                          // "A against B"
};

struct TournamentResult {
  int64_t num_matches = 0;            // new ones
  double largest_error = 0;           // of a difference, points; infinity where nothing links two
  std::vector<std::string> left_out;  // active models that can't play or fell silent, "NAME: why"
};

// Contest by contest, each committed when it ends, the next between the pair whose difference
// gains most from one more verdict: a tournament that was stopped goes on where it was. A pair
// of which kMaxEmptyContests in a row decide nothing meets no more. Throws kUsage with fewer than
// two models or for a named one that can't play, and kFailed if no pair is left.
inline constexpr size_t kMaxEmptyContests = 3;
TournamentResult RunTournament(Arena& arena, const TournamentOptions& options,
                               const PlayContest& play,
                               const std::function<void(const TournamentProgress&)>& on_progress);

}  // namespace agon::arena
