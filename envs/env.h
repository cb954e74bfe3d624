// Environments: tasks, episodes and verifiers. Text in, text and rewards out, never
// tokens.
//
// An environment is one source file that ends in REGISTER_ENV. Everything in it is a
// pure function of (id, version, seed, split, index, completions): no clock, no global
// random state. Env objects are immutable and may be used by many threads at once; an
// Episode belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/message.h"

namespace agon::envs {

enum class Split { kTrain, kVal, kTest };
const char* SplitName(Split split);

// Names a task for ever.
struct TaskId {
  std::string env;  // "math/shop-v1"
  Split split = Split::kTrain;
  uint64_t seed = 0;
  uint64_t index = 0;
};

struct Task {
  TaskId id;
  Messages messages;   // what the policy is asked, at least one message
  std::string answer;  // gold, in the environment's canonical form
  std::string family;  // kind of problem inside the environment, for reports
  int difficulty = 0;  // 0 is the easiest; the range is in EnvInfo
  std::string state;   // the environment's own (JSON); opaque to callers
};

// One named part of a reward. `value` is absent when scoring did not run.
struct RewardPart {
  std::string name;
  std::optional<double> value;
  double weight = 1.0;
};

// An infrastructure failure: the episode says nothing about the policy, so it is left
// out of baselines and losses. Never reward 0.
struct Mask {
  std::string kind;    // "timeout", "sandbox", "grader"
  std::string reason;  // for a person
};

struct Outcome {
  std::vector<RewardPart> parts;
  bool terminated = false;  // the task came to its end
  bool truncated = false;   // a limit cut the episode
  std::optional<Mask> masked;
  std::string extracted;  // the answer found in the completion, for reports
  std::string reason;     // why this reward, one short line, for reports

  // Sum of value * weight over the scored parts.
  double Reward() const;
};

// What the policy sees next in a multi-turn episode.
struct Turn {
  Messages messages;
};

using StepResult = std::variant<Turn, Outcome>;

class Episode {
 public:
  virtual ~Episode() = default;
  // The policy's next message (untrusted: any bytes, any length). `truncated` is true
  // if the token limit cut it. Called again only after a Turn.
  virtual StepResult Step(std::string_view completion, bool truncated) = 0;
};

// How a demonstration's writer works. SFT mixes them, as labelers of mixed quality do.
enum class Labeler {
  kImmediate,   // the answer at once
  kStepByStep,  // one small computation at a time, then the answer
};

struct EnvInfo {
  std::string id;       // "namespace/name-vN"
  std::string summary;  // one line
  int num_difficulties = 1;
  std::vector<std::string> families;
  int max_turns = 1;
  double max_reward = 1.0;  // the minimum is 0
  // Bound on the rate at which a blind answer (another task's, a number of the prompt)
  // earns the maximum. The conformance suite holds the environment to it.
  double chance = 0.1;
};

class Env {
 public:
  virtual ~Env() = default;
  virtual const EnvInfo& info() const = 0;

  // The task of this name. Splits are disjoint by construction: a hash of what is
  // asked decides the split, so two tasks of different splits never ask the same, whatever
  // their seeds and parameters. Endless: any seed and index will do. `id.env` of the
  // result is the spec, parameters included, that MakeEnv takes to find the task again.
  // Throws Error(kUsage) where parameters leave a split without any task.
  virtual Task Get(Split split, uint64_t seed, uint64_t index) const = 0;

  // Throws Error(kCorrupt) if `task` was not made by this environment.
  virtual std::unique_ptr<Episode> Start(const Task& task) const = 0;

  // A right answer in this labeler's manner; earns the maximum reward. Differs between
  // `variant`s at most in wording. nullopt where that manner makes no sense.
  virtual std::optional<std::string> Demonstrate(const Task& task, Labeler labeler,
                                                 uint64_t variant) const = 0;
};

// Parameters from a recipe, "difficulty=0..3,families=buy|share" (see EnvInfo).
using EnvFactory = std::unique_ptr<Env> (*)(std::string_view params);

// Makes an environment from "math/shop-v1", "math/shop" (newest version) or
// "math/shop(difficulty=1..2)". Throws Error(kUsage) with the nearest id, or with the
// parameter that is wrong. Thread-safe.
std::unique_ptr<Env> MakeEnv(std::string_view spec);

// All registered ids, sorted.
std::vector<std::string> ListEnvs();

namespace internal {
// Throws Error(kUsage) on an id that is not "namespace/name-vN" in lower case, or taken.
bool Register(std::string_view id, EnvFactory factory);
}  // namespace internal

#define REGISTER_ENV(id, factory) \
  static const bool agon_env_registered_ = ::agon::envs::internal::Register(id, factory)

}  // namespace agon::envs
