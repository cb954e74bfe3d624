// Environments that programs serve (docs/formats/env-protocol.md): how the programs fare.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace agon::envs {

struct ProgramHealth {
  std::string file;
  int64_t num_starts = 0;     // of its processes, 1 each if nothing happened
  int64_t num_crashes = 0;    // processes that ended, or were killed because they hung
  int64_t num_timeouts = 0;   // requests without an answer in time
  int64_t num_bad_lines = 0;  // lines on stdout that are no replies
  int64_t num_masked = 0;     // episodes that were masked for any of this
  std::string last_problem;   // why a process ended or an episode was masked; "" if none
};

// Of each program that was loaded, in that order. Thread-safe.
std::vector<ProgramHealth> ProgramsHealth();

// One line for a person: "my_env.py: 2 crashes, 0 timeouts, 5 episodes masked (exit status
// 1: ValueError: boom)". "" if nothing went wrong.
std::string Describe(const ProgramHealth& health);

}  // namespace agon::envs
