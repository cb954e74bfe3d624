// How fast an environment is: `rl-env bench`.
#pragma once

#include <string>

#include "envs/env.h"

namespace agon::envs {

struct BenchOptions {
  int num_threads = 1;
  double seconds = 1.0;  // of each measurement
};

// Per second, all threads together. Completions are what a labeler says (garbage where none
// says anything), made before the clock starts.
struct BenchResult {
  double tasks = 0;     // Env::Get
  double episodes = 0;  // Env::Start and every step to the end
  double steps = 0;     // of these episodes
};

BenchResult BenchEnv(const Env& env, const BenchOptions& options);

std::string RenderBench(const BenchResult& result);
// {"env", "threads", "tasks_per_s", "episodes_per_s", "steps_per_s"}
std::string BenchJson(const std::string& env, const BenchOptions& options,
                      const BenchResult& result);

}  // namespace agon::envs
