// Two models on the same tasks: who answers better, or who wins the game.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "envs/env.h"
#include "judge/judge.h"
#include "judge/rollout.h"

namespace agon::judge {

struct ContestOptions {
  envs::Split split = envs::Split::kTest;
  uint64_t seed = 42;  // of tasks and of sampling
  float temperature = 1.0f;
  int max_new_tokens = 128;
  int max_rows = 64;  // episodes at once
  // Decides instead of the environment's grader; not of games.
  std::shared_ptr<const Judge> judge{};
};

struct ContestResult {
  std::string subject;  // the environment as tasks name it, parameters included
  std::string task;     // "test 42/17"
  int first = 0;        // in a game, which of the two moved first
  double score = 0.5;   // points of contestant 0: 1, 0.5 or 0
  // JSON, for people. Of a game "opening", "transcript", "seat", "reason"; of others "prompt",
  // "answer" and "replies" of both, with "rewards" or the judge's "orders", "flipped", "reason"
  // and "fingerprint".
  std::string detail;
};

// Whether the environment is a game, whose outcome decides; otherwise its grader does.
// Throws Error(kUnsupported) for more than two seats.
bool IsGame(const envs::Env& env);

// In a game of two seats both orders of each task (opening), so two results; else both answer
// each task, and the larger reward wins, or the judge's choice after both orders. Tasks that
// were masked for either, or by the judge, have no result. A
// model's answer to a task depends on (seed, task) only, whoever the other is. Keeps nothing.
std::vector<ContestResult> RunContest(const Player& a, const Player& b,
                                      std::shared_ptr<const envs::Env> env,
                                      std::span<const uint64_t> task_indices,
                                      const ContestOptions& options);

// Model directories, each loaded when first asked for and kept. Not thread-safe.
class Contestants {
 public:
  explicit Contestants(const policy::Device& device = {});
  ~Contestants();
  // Valid as long as this object. Throws what LoadModelDirectory throws; kUnsupported for a URL:
  // a contestant has to be here.
  Player Get(const std::string& location);

 private:
  struct Loaded;
  const policy::Device device_;
  std::map<std::string, std::unique_ptr<Loaded>> loaded_;
};

}  // namespace agon::judge
