// rl-train's way into the arena: the checkpoints of a run enter it and meet on held-out tasks, so
// that Elo over the steps of training can be seen.
#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "apps/contests.h"
#include "arena/arena.h"
#include "arena/command.h"
#include "arena/gate.h"
#include "core/error.h"
#include "core/json.h"
#include "policy/policy.h"
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
  CLI::Option* gate =
      app.add_option("--gate", entry.incumbent,
                     "When done, test whether the model is stronger than this one: sft, where RL "
                     "began, or a model directory");
  app.add_option("--gate-elo", entry.gate.sprt.elo1,
                 "Promoted if at least so much stronger, in Elo points; wrong once in 20")
      ->needs(gate)
      ->check(CLI::Range(1.0, 1000.0))
      ->capture_default_str();
}

// The flags again, for a command that goes on.
inline std::vector<std::string> ArenaEntryFlags(const ArenaEntry& entry) {
  std::vector<std::string> flags;
  const ArenaEntry usual;
  const auto add = [&](const char* flag, const std::string& value) {
    flags.insert(flags.end(), {flag, value});
  };
  if (!entry.db.empty()) add("--arena", entry.db);
  if (entry.max_matches != usual.max_matches) {
    add("--arena-matches", std::to_string(entry.max_matches));
  }
  if (entry.enough_error != usual.enough_error)
    add("--arena-error", Json(entry.enough_error).dump());
  if (!entry.incumbent.empty()) add("--gate", entry.incumbent);
  if (entry.gate.sprt.elo1 != usual.gate.sprt.elo1) {
    add("--gate-elo", Json(entry.gate.sprt.elo1).dump());
  }
  return flags;
}

// Models of RL that a run keeps to enter them, unless the recipe says which.
inline constexpr int kEnteredOfRl = 8;
inline void KeepModelsToEnter(const ArenaEntry& entry, trainer::Recipe& recipe) {
  const int save_every = recipe.run.save_every;
  if (entry.db.empty() || recipe.rl.keep_every > 0 || save_every == 0) return;
  const int saved = std::max(1, recipe.rl.num_steps / save_every);
  recipe.rl.keep_every = (saved + kEnteredOfRl - 1) / kEnteredOfRl * save_every;
}

// Refuses, before anything is trained, what could not enter afterwards: Error(kUsage) for a gate
// without a model of RL or of SFT, and where the arena knows other models by this run's names;
// and what opening the arena throws.
inline void CheckArenaEntry(const ArenaEntry& entry, const trainer::Recipe& recipe,
                            const std::filesystem::path& run) {
  if (!entry.incumbent.empty()) {
    if (recipe.rl.num_steps == 0) {
      throw Error(ErrorKind::kUsage, "there will be no model of rl to put to the test", "--gate",
                  "rl.num_steps is 0");
    }
    if (entry.incumbent != "sft") {
      arena::CheckIsModel(entry.incumbent);
    } else if (recipe.sft.num_steps == 0) {
      throw Error(ErrorKind::kUsage, "there will be no model of sft to beat", "--gate",
                  "sft.num_steps is 0");
    }
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

inline Contests ContestsOf(const trainer::Recipe& recipe) {
  return Contests(recipe.eval.env, "", TestTasks(recipe), policy::ParseDevice(recipe.run.device));
}

// The last of sft and up to kEnteredOfRl of rl. What was entered or played before is left as it is.
inline void EnterRun(const ArenaEntry& entry, const trainer::Recipe& recipe,
                     const std::filesystem::path& run, std::ostream& out) {
  arena::Arena arena(entry.db);
  arena::AddCommand add;
  add.checkpoints = arena::CheckpointsOfRun(run, 1, kEnteredOfRl);
  out << "\narena " << entry.db << "\n";
  arena::TournamentOptions tournament;
  tournament.models = arena::RunAdd(arena, add, out);
  if (tournament.models.size() < 2) return;
  tournament.why_not = {};  // their weights were read just now
  tournament.max_matches = entry.max_matches;
  tournament.enough_error = entry.enough_error;
  Contests contests = ContestsOf(recipe);
  contests.RunTournament(arena, tournament);
  arena::LeaderboardOptions board;
  board.filter = contests.filter();
  arena::RunLeaderboard(arena, board, false, out);
  out << "look at it with: rl-arena serve --db " << entry.db << "\n";
}

// Says whether the run's last checkpoint is promoted.
inline void RunGateOfRun(const ArenaEntry& entry, const trainer::Recipe& recipe,
                         const std::filesystem::path& run, std::ostream& out) {
  const std::filesystem::path last = arena::CheckpointsOfRun(run, 0, 1).at(0);
  const std::string incumbent = entry.incumbent == "sft"
                                    ? arena::CheckpointsOfRun(run, 1, 0).at(0).string()
                                    : entry.incumbent;
  const arena::GateResult result = ContestsOf(recipe).RunGate(entry.gate, last.string(), incumbent);
  out << "\ngate, " << last.filename().string() << " against "
      << std::filesystem::path(incumbent).filename().string() << "\n"
      << arena::GateText(result, entry.gate) << "\n";
}

}  // namespace agon
