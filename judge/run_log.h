// The numbers of a run, as its log holds them (docs/formats/run.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace agon::judge {

struct StageLog {
  std::string stage;  // "pretrain", "sft", "rl"
  int64_t last_step = 0;
  // Field -> (step, value), by rising step. Only finite numbers.
  std::map<std::string, std::vector<std::pair<double, double>>> series;

  // Points of one field; empty if the stage doesn't log it.
  const std::vector<std::pair<double, double>>& Get(const std::string& field) const;
  // (x, y) of the steps that log both, in order of steps.
  std::vector<std::pair<double, double>> Over(const std::string& x, const std::string& y) const;
};

// Stages in order of appearance. Reads log.jsonl or timing.jsonl; a line that is not a
// JSON object with "stage" and "step" is left out, and of two lines for one step the later one
// counts. A missing file gives no stage. If lines were left out, but for a last one that a kill
// cut, `warnings` gets a line that names them.
std::vector<StageLog> ReadRunLog(const std::filesystem::path& file,
                                 std::ostream* warnings = nullptr);

// "runs/a/log.jsonl:17: no record of a step, left out (and 2 lines more)". REQUIRES: numbers.
std::string DescribeBadLines(const std::filesystem::path& file, const std::vector<int>& numbers);

// The stage of that name, or nullptr.
const StageLog* FindStage(const std::vector<StageLog>& stages, const std::string& name);

}  // namespace agon::judge
