// The contract of envs/env.h as a check that any environment can be put through.
//
// It proves what training relies on: tasks are pure and their splits disjoint, the gold
// answer earns the maximum, and nothing that a lazy or hostile policy might say instead
// earns anything. `tests/envs/conformance_test.cc` runs it on every registered
// environment, `rl-env check` on one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "envs/env.h"

namespace agon::envs {

struct ConformanceOptions {
  int num_tasks = 200;         // per split, for purity, gold and hostile answers
  int num_split_tasks = 2000;  // per split, for disjointness
  int num_threads = 4;         // for purity under concurrency
  uint64_t seed = 1;
};

struct ConformanceFinding {
  std::string check;    // one of ConformanceChecks()
  std::string problem;  // what broke the contract
  std::string task;     // spec, split, seed and index that show it ("" if none)
};

// Names of the checks, in the order in which they run:
//   info        id, difficulties, families and bounds are sane
//   pure        the same task again, from a second object and from several threads
//   seeds       another seed or index gives other tasks
//   respec      MakeEnv(task.id.env) finds the task again
//   splits      no question is in two splits, over several seeds
//   gold        every labeler earns the maximum; rewards lie in [0, maximum]
//   hedges      the gold with a contradiction earns nothing
//   blind       another task's gold, or the prompt's last number, is right at most at
//               EnvInfo::chance
//   hostile     nothing, the prompt again, all its numbers, an answer that is only
//               thought, garbage of 1 MB, invalid UTF-8 and NUL bytes earn nothing
//   terminated  exactly one of terminated and truncated, a repeatable outcome, and an end
//               within max_turns
//   restore     an episode saved after any turn goes on as if it had never been
const std::vector<std::string>& ConformanceChecks();

// Empty if `env` keeps the contract; at most five findings a check. `env` must be
// registered (a second object is made from its spec). In an episode of several turns a
// hostile answer is repeated to the end. Hedges and blind answers are tried where there is
// one seat and demonstrations earn the maximum. Takes about a second for a light
// environment.
std::vector<ConformanceFinding> CheckConformance(const Env& env,
                                                 const ConformanceOptions& options = {});

// One line for a person: "hedges: ... (math/shop-v1 test seed 1 index 7)".
std::string Describe(const ConformanceFinding& finding);

}  // namespace agon::envs
