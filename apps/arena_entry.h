// rl-train's way into the arena: the checkpoints of a run enter it and meet on held-out tasks, so
// that Elo over the steps of training can be seen.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "apps/contests.h"
#include "arena/arena.h"
#include "arena/command.h"
#include "arena/gate.h"
#include "core/error.h"
#include "trainer/recipe.h"

namespace agon {

struct ArenaEntry {
  std::string db;  // the arena's file; "": nothing enters
  int64_t max_matches = 600;
  double enough_error = 25;  // points
  std::string incumbent;     // of the gate: "sft" or a model directory; "": no gate
  arena::GateOptions gate{.max_tasks = 2000};
};

inline void AddArenaEntry(CLI::App& app, ArenaEntry& entry) {
  CLI::Option* db = app.add_option("--arena", entry.db,
                                   "When done, enter the checkpoints in this arena, and let them "
                                   "meet on the test tasks of eval.env");
  app.add_option("--arena-matches", entry.max_matches, "At most so many")
      ->needs(db)
      ->check(CLI::Range(1, 10000000))
      ->capture_default_str();
  app.add_option("--arena-error", entry.enough_error,
                 "Enough when all differences are known to this standard error, in Elo points")
      ->needs(db)
      ->check(CLI::Range(1.0, 10000.0))
      ->capture_default_str();
  app.add_option("--gate", entry.incumbent,
                 "When done, test whether the model is stronger than this one: sft, where RL "
                 "began, or a model directory");
  app.add_option("--gate-elo", entry.gate.sprt.elo1,
                 "Promoted if at least so much stronger, in Elo points; wrong once in 20")
      ->check(CLI::Range(1.0, 1000.0))
      ->capture_default_str();
}

// Refuses, before anything is trained, what could not enter afterwards: Error(kUsage) where the
// arena knows other models by this run's names, and what opening the arena throws.
inline void CheckArenaEntry(const ArenaEntry& entry, const std::filesystem::path& run) {
  if (!entry.incumbent.empty() && entry.incumbent != "sft") {
    arena::ModelOfCheckpoint(entry.incumbent);
  }
  if (entry.db.empty()) return;
  const auto folder = std::filesystem::absolute(run).lexically_normal() / "checkpoints";
  const std::string prefix = folder.parent_path().filename().string() + "/";
  for (const arena::Model& model : arena::Arena(entry.db).Models()) {
    if (!model.name.starts_with(prefix)) continue;
    const bool is_same = std::filesystem::path(model.location).parent_path() == folder &&
                         std::filesystem::exists(model.location);
    if (is_same) continue;
    throw Error(ErrorKind::kUsage,
                "the arena knows another model by a name of this run: " + model.name, entry.db,
                "name another folder with --out");
  }
}

inline judge::ContestOptions TestTasks(const trainer::Recipe& recipe) {
  judge::ContestOptions options;
  options.max_new_tokens = recipe.eval.max_new_tokens;
  return options;
}

// The last of sft and up to eight of rl. What was entered or played before is left as it is.
inline void EnterRun(const ArenaEntry& entry, const trainer::Recipe& recipe,
                     const std::filesystem::path& run, std::ostream& out) {
  arena::Arena arena(entry.db);
  arena::AddCommand add;
  add.checkpoints = arena::CheckpointsOfRun(run, 1, 8);
  out << "\narena " << entry.db << "\n";
  arena::RunAdd(arena, add, out);
  if (add.checkpoints.size() < 2) return;
  Contests contests(recipe.eval.env, "", TestTasks(recipe));
  arena::TournamentOptions tournament;
  tournament.decider = contests.decider();
  tournament.subject = contests.subject();
  tournament.max_matches = entry.max_matches;
  tournament.enough_error = entry.enough_error;
  for (const auto& checkpoint : add.checkpoints) {
    tournament.models.push_back(arena::ModelOfCheckpoint(checkpoint).name);
  }
  contests.RunTournament(arena, tournament);
  arena::LeaderboardOptions board;
  board.filter.decider = tournament.decider;
  board.filter.subject = tournament.subject;
  arena::RunLeaderboard(arena, board, false, out);
  out << "look at it with: rl-arena serve --db " << entry.db << "\n";
}

// Says whether the run's last checkpoint is promoted.
inline void RunGateOfRun(const ArenaEntry& entry, const trainer::Recipe& recipe,
                         const std::filesystem::path& run, std::ostream& out) {
  const auto last = arena::CheckpointsOfRun(run, 0, 1);
  const auto first = arena::CheckpointsOfRun(run, 1, 0);
  if (last.empty() || (entry.incumbent == "sft" && first.empty())) {
    throw Error(ErrorKind::kUsage, "the run has no model of rl to put to the test", "--gate");
  }
  const std::string incumbent = entry.incumbent == "sft" ? first[0].string() : entry.incumbent;
  const arena::GateResult result = Contests(recipe.eval.env, "", TestTasks(recipe))
                                       .RunGate(entry.gate, last[0].string(), incumbent);
  out << "\ngate, " << last[0].filename().string() << " against "
      << std::filesystem::path(incumbent).filename().string() << "\n"
      << arena::GateText(result, entry.gate) << "\n";
}

}  // namespace agon
