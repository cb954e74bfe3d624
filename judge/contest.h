// Two models on the same tasks: who answers better, or who wins the game.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "envs/env.h"
#include "judge/judge.h"
#include "judge/rollout.h"
#include "serve/completer.h"

namespace agon::judge {

// A model in this process, or one behind OpenAI's API, which plays no games.
struct Contestant {
  Contestant(const Player& local) : player(local) {}
  Contestant(std::shared_ptr<serve::Completer> asked) : endpoint(std::move(asked)) {}
  Player player;
  std::shared_ptr<serve::Completer> endpoint;  // null for a local one
};

struct EndpointWait {
  std::string endpoint;    // as serve::Completer::identity has it
  size_t num_missing = 0;  // replies, of those asked for together
  size_t num_asked = 0;
  double seconds = 0;  // since they were
};

struct ContestOptions {
  envs::Split split = envs::Split::kTest;
  uint64_t seed = 42;  // of tasks and of sampling
  float temperature = 1.0f;
  int max_new_tokens = 128;
  int max_rows = 64;  // episodes at once; a GPU has memory for that many
  // Decides instead of the environment's grader; not of games.
  std::shared_ptr<const Judge> judge{};
  // Hears of a task that has no result, and why. May be empty, as those below.
  std::function<void(const std::string& task, const std::string& why)> on_undecided{};
  // Hears twice a second that an endpoint is waited for.
  std::function<void(const EndpointWait&)> on_wait{};
  // Hears that contestant 0 or 1, an endpoint, answered none of the tasks, and why not the first.
  std::function<void(int contestant, const std::string& why)> on_silent{};
};

struct ContestResult {
  std::string subject;  // the environment as tasks name it, parameters included
  std::string task;     // "test 42/17"
  int first = 0;        // in a game, which of the two moved first
  double score = 0.5;   // points of contestant 0: 1, 0.5 or 0
  // JSON, for people. Of a game "opening", "transcript" of the "seat", "last_move", "reason"; of
  // others "prompt",
  // "answer" and "replies" of both, with "rewards" or the judge's "orders", "flipped", "reason"
  // and "fingerprint"; where both are one whole reply, the whole prompt as "messages", too.
  std::string detail;
};

// Whether the environment is a game, whose outcome decides; otherwise its grader does.
// Throws Error(kUnsupported) for more than two seats.
bool IsGame(const envs::Env& env);

// In a game of two seats both orders of each task (opening), so two results; else both answer
// each task, and the larger reward wins, or the judge's choice after both orders. Tasks that
// were masked for either, or by the judge, have no result: an endpoint that is slow, wrong or dead
// loses nothing, and where it answers nothing at all nobody else is asked. A local model's answer
// to a task depends on (seed, task) only, whoever the other is. Keeps nothing. Throws
// Error(kUnsupported) for an endpoint in a game.
std::vector<ContestResult> RunContest(const Contestant& a, const Contestant& b,
                                      std::shared_ptr<const envs::Env> env,
                                      std::span<const uint64_t> task_indices,
                                      const ContestOptions& options);

// Model directories and endpoints ("http://HOST/v1#MODEL"), each opened when first asked for and
// kept. A reply of an endpoint is waited for kEndpointTries times `reply_ms` at most, so that no
// more than that is spent on one that is dead. Not thread-safe.
inline constexpr int kReplyMs = 60000, kEndpointTries = 2;
class Contestants {
 public:
  explicit Contestants(const policy::Device& device = {}, int reply_ms = kReplyMs);
  ~Contestants();
  // Valid as long as this object. Throws what LoadModelDirectory and OpenCompleter throw.
  Contestant Get(const std::string& location);

 private:
  struct Loaded;
  const policy::Device device_;
  const int reply_ms_;
  std::map<std::string, std::unique_ptr<Loaded>> loaded_;
  std::map<std::string, std::shared_ptr<serve::Completer>> endpoints_;
};

}  // namespace agon::judge
