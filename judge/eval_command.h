// What rl-eval does, apart from reading its flags.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>

#include "judge/eval.h"

namespace agon::judge {

struct EvalCommand {
  std::filesystem::path model;                    // model directory
  std::optional<std::filesystem::path> baseline;  // compared with it: model - baseline
  std::string suite;                              // name or file, see LoadSuites
  // Each replaces the suite's own value.
  std::optional<int> num_tasks, samples_per_task, max_new_tokens;
  std::optional<float> temperature;
  std::optional<uint64_t> seed;
  std::optional<std::string> opponent;
  std::string device = "cpu";  // see policy::ParseDevice
  std::filesystem::path out;
  bool json = false;  // results.json on `stdout` instead of a table
};

// Evaluates, writes the report to `command.out` and prints a summary. Throws Error.
void RunEvalCommand(const EvalCommand& command, std::ostream& stdout_stream);

// Metrics as aligned text, one line each, with 95 % intervals and differences.
std::string SummaryTable(const ReportInput& input);

}  // namespace agon::judge
