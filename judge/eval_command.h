// What rl-eval does, apart from reading its flags.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "judge/eval.h"

namespace agon::judge {

// $AGON_CACHE, else $XDG_CACHE_HOME/agon, else ~/.cache/agon; below it "evaluations". Empty where
// there is no home either.
std::filesystem::path DefaultEvalCache();

constexpr size_t kMaxModels = 6;  // in one report

struct EvalCommand {
  std::filesystem::path model;  // model directory
  // Compared with it; the first one is what all others are measured against.
  std::vector<std::filesystem::path> baselines;
  std::string suite;  // name or file, see LoadSuite
  // Each replaces the benchmarks' own value.
  std::optional<int> num_tasks, samples_per_task, max_new_tokens;
  std::optional<float> temperature;
  std::optional<uint64_t> seed;
  std::optional<std::string> opponent;
  std::string device = "cpu";  // see policy::ParseDevice
  EvalOptions options;
  std::filesystem::path out;
  bool json = false;  // results.json on `stdout` instead of a table
};

// Evaluates, writes the report to `command.out` and prints a summary. Throws Error.
void RunEvalCommand(const EvalCommand& command, std::ostream& stdout_stream);

// Metrics as aligned text with 95 % intervals and differences: all of a single benchmark, the
// headlines of several.
std::string SummaryTable(const ReportInput& input);

}  // namespace agon::judge
