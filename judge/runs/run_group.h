// Runs side by side: what differs between them, how each kind went, and how sure that is.
//
// Runs of one name are repetitions of one another, as a rule with other seeds.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "judge/eval.h"
#include "judge/reward_quality.h"
#include "judge/run_log.h"

namespace agon::judge {

// What a run directory holds (docs/formats/run.md), finished or not.
struct RecordedRun {
  std::filesystem::path dir;
  uint64_t seed = 0;
  std::map<std::string, std::string> recipe;  // "rl.kl" to its value as in recipe.toml
  std::vector<StageLog> log;
  std::string evaluated;                 // the last stage that was evaluated: "rl", "sft"; "": none
  std::optional<EvalResult> evaluation;  // of that
  std::vector<RewardQuality> reward_models;
};

struct RunGroup {
  std::string name;
  std::vector<RecordedRun> runs;  // at least one, no two of one seed
};

constexpr size_t kMaxRunGroups = 6;  // in one report

// Of "NAME=DIRECTORY", or "DIRECTORY", which is a group of its own by its last part, or all of it
// where another is called alike; groups in order of their first run. Throws Error: kNotFound for
// what isn't a run's directory, kCorrupt for one that can't be read, kUsage for more than
// kMaxRunGroups groups, a run that is named twice, and two runs of a group with the same seed:
// equal runs are no evidence.
std::vector<RunGroup> ReadRunGroups(std::span<const std::string> names_and_dirs);

// A key of recipes that isn't alike in all runs.
struct RecipeDifference {
  std::string key;
  std::vector<std::string> values;  // of each group; "a, b" where its runs differ
};
// Seeds, threads and what else decides no result are left out.
std::vector<RecipeDifference> DifferencesOf(std::span<const RunGroup> groups);

}  // namespace agon::judge
