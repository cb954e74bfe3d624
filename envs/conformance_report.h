// What the parts of the conformance suite share. Private to envs.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "envs/conformance.h"

namespace agon::envs {

// Collects findings, a few of each check.
class ConformanceReport {
 public:
  void Add(std::string_view check, std::string problem, const Task* task = nullptr);
  std::vector<ConformanceFinding> Take() { return std::move(findings_); }

 private:
  std::vector<ConformanceFinding> findings_;
};

// All contents, a line each.
std::string TextOf(const Messages& messages);
// The numbers in `text` as written: "12", "3.5".
std::vector<std::string> NumbersIn(std::string_view text);

// The checks of what answers earn: gold, hedges, blind, hostile, terminated, restore.
void CheckAnswers(const Env& env, std::span<const Task> tasks, uint64_t seed,
                  ConformanceReport& report);

inline constexpr std::array kLabelers = {Labeler::kImmediate, Labeler::kStepByStep};

}  // namespace agon::envs
