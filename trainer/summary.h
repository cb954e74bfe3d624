// What a person or a program is told at the end of a run.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "judge/eval.h"
#include "policy/policy.h"
#include "trainer/run_memory.h"

namespace agon::trainer {

struct StageSummary {
  std::string stage;    // "corpus", "pretrain", "sft", "eval sft", ...
  double seconds = 0;   // in this process
  bool reused = false;  // finished by an earlier process
  std::string result;   // "val loss 0.412"
};

struct RunSummary {
  std::filesystem::path run_dir;
  std::vector<StageSummary> stages;
  std::vector<judge::EvalResult> models;  // before, after
  std::vector<judge::Comparison> comparisons;
  std::filesystem::path model;  // the final checkpoint
  StageMemory memory;           // of the stage that took most, in this process
  int64_t peak_bytes = 0;       // of this process in the machine's memory
};

// The last value of `field` that the run's log has for `stage`.
std::optional<double> LastLogged(const std::filesystem::path& run_dir, const std::string& stage,
                                 const std::string& field);

// "pass@1 45.2 % [43.0, 47.4]"; "" if there is no such metric.
std::string PassAtOne(const judge::EvalResult& result);

// Aligned text, ends in a newline.
std::string RenderSummary(const RunSummary& summary);
std::string SummaryJson(const RunSummary& summary);
std::string RenderMemory(const std::vector<policy::MemoryUse>& uses);

}  // namespace agon::trainer
