#include "envs/bench.h"

#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/json.h"
#include "envs/demonstration.h"

namespace agon::envs {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint64_t kNumTasks = 256;

// A task and what is said to it, all seats in turn.
struct Script {
  Task task;
  std::vector<std::string> said;
};

Script MakeScript(const Env& env, uint64_t index) {
  Script script{env.Get(Split::kTrain, 0, index), {}};
  const auto episode = env.Start(script.task);
  const int max_steps = env.info().max_turns * env.info().num_seats;
  for (int step = 0; step < max_steps; ++step) {
    auto said = episode->Demonstrate(Labeler::kImmediate, 0);
    if (!said) said = episode->Demonstrate(Labeler::kStepByStep, 0);
    script.said.push_back(said.value_or("Answer: 7"));
    if (std::holds_alternative<Outcome>(episode->Step(script.said.back(), false))) break;
  }
  return script;
}

// Calls `body(i)`, which returns how much it did, on every thread until time is up. Returns
// the sum per second.
template <typename Body>
double Rate(const BenchOptions& options, const Body& body) {
  std::vector<double> rates(static_cast<size_t>(options.num_threads));
  std::vector<std::thread> threads;
  for (size_t t = 0; t < rates.size(); ++t) {
    threads.emplace_back([&, t] {
      const auto start = Clock::now();
      const auto elapsed = [&] {
        return std::chrono::duration<double>(Clock::now() - start).count();
      };
      int64_t done = 0;
      for (uint64_t i = t * 7; i % 64 != 0 || elapsed() < options.seconds; ++i) done += body(i);
      rates[t] = static_cast<double>(done) / elapsed();
    });
  }
  double sum = 0;
  for (size_t t = 0; t < rates.size(); ++t) {
    threads[t].join();
    sum += rates[t];
  }
  return sum;
}

int64_t RunScript(const Env& env, const Script& script) {
  const auto episode = env.Start(script.task);
  int64_t num_steps = 0;
  for (const std::string& said : script.said) {
    ++num_steps;
    if (std::holds_alternative<Outcome>(episode->Step(said, false))) break;
  }
  return num_steps;
}

}  // namespace

BenchResult BenchEnv(const Env& env, const BenchOptions& options) {
  AGON_CHECK(options.num_threads > 0 && options.seconds > 0);
  std::vector<Script> scripts;
  for (uint64_t i = 0; i < kNumTasks; ++i) scripts.push_back(MakeScript(env, i));
  double mean_steps = 0;
  for (const Script& script : scripts) {
    mean_steps += static_cast<double>(script.said.size()) / static_cast<double>(kNumTasks);
  }
  BenchResult result;
  result.tasks = Rate(options, [&](uint64_t i) {
    env.Get(Split::kTrain, 1, i);
    return 1;
  });
  result.steps = Rate(options, [&](uint64_t i) { return RunScript(env, scripts[i % kNumTasks]); });
  result.episodes = result.steps / mean_steps;
  return result;
}

std::string RenderBench(const BenchResult& result) {
  char text[160];
  std::snprintf(text, sizeof text, "tasks/s     %12.0f\nepisodes/s  %12.0f\nsteps/s     %12.0f\n",
                result.tasks, result.episodes, result.steps);
  return text;
}

std::string BenchJson(const std::string& env, const BenchOptions& options,
                      const BenchResult& result) {
  return Json{{"env", env},
              {"threads", options.num_threads},
              {"tasks_per_s", result.tasks},
              {"episodes_per_s", result.episodes},
              {"steps_per_s", result.steps}}
             .dump() +
         "\n";
}

}  // namespace agon::envs
