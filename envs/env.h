// Environments: tasks, episodes and verifiers. Text in, text and rewards out, never
// tokens.
//
// An environment is one source file that ends in REGISTER_ENV: built in, or a plugin of its
// own (envs/plugin.h). Everything in it is a pure function of (id, version, seed, split,
// index, completions): no clock, no global random state. Env objects are immutable and may
// be used by many threads at once; an Episode belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
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
  Messages messages;   // what seat 0 is asked at first, at least one message
  std::string answer;  // gold, in the environment's canonical form; may be ""
  std::string family;  // kind of problem inside the environment, for reports
  int difficulty = 0;  // 0 is the easiest; the range is in EnvInfo
  std::string state;   // the environment's own (JSON); opaque to callers
};

// One named part of a reward. `value` is absent when scoring did not run.
struct RewardPart {
  std::string name;
  std::optional<double> value;
  double weight = 1.0;
  int seat = 0;  // whose reward, in a game of several seats
};

// An infrastructure failure: the episode says nothing about the policy, so it is left
// out of baselines and losses. Never reward 0.
struct Mask {
  std::string kind;    // "timeout", "sandbox", "grader", "environment"
  std::string reason;  // for a person
};

struct Outcome {
  std::vector<RewardPart> parts;
  bool terminated = false;  // the task came to its end
  bool truncated = false;   // a limit cut the episode
  std::optional<Mask> masked;
  std::string extracted;  // the answer found in the completion, for reports
  std::string reason;     // why this reward, one short line, for reports

  // Sum of value * weight over the scored parts of one seat.
  double Reward(int seat = 0) const;
};

// An outcome that says nothing about the policy.
Outcome MaskedOutcome(std::string kind, std::string reason);
// `outcome`, or a masked one where a part's value or weight isn't finite.
Outcome Checked(Outcome outcome);

// What the policy sees next in an episode of several turns.
struct Turn {
  Messages messages;  // appended to the acting seat's conversation
  int seat = 0;       // who acts next; a seat's first Turn is its whole prompt
};

using StepResult = std::variant<Turn, Outcome>;

// How a demonstration's writer works. SFT mixes them, as labelers of mixed quality do.
enum class Labeler {
  kImmediate,   // the answer at once
  kStepByStep,  // one small computation at a time, then the answer
};

class Episode {
 public:
  virtual ~Episode() = default;

  // The acting seat's next message (untrusted: any bytes, any length). `truncated` is true
  // if the token limit cut it. Called again only after a Turn. Seat 0 acts first.
  virtual StepResult Step(std::string_view completion, bool truncated) = 0;

  // What this labeler would say now. Differs between `variant`s at most in wording and in
  // choices among equally good moves. nullopt where that manner makes no sense.
  virtual std::optional<std::string> Demonstrate(Labeler /*labeler*/, uint64_t /*variant*/) const {
    return std::nullopt;
  }

  // The episode's state, for Env::Restore; nullopt if it can't be saved.
  virtual std::optional<std::string> Save() const { return std::nullopt; }
};

// A function that the policy may call, as in OpenAI's "tools".
struct Tool {
  std::string name;
  std::string description;
  std::string parameters;  // JSON Schema of the arguments, an object
};

// A dial of the tasks besides difficulty, for curricula. Level 0 is the easiest. Parameters
// set it like difficulty: "name=LEVEL" or "name=LOW..HIGH" in numbers of levels.
struct Attribute {
  std::string name;
  std::vector<std::string> levels;  // what each level means, in order
};

struct EnvInfo {
  std::string id;       // "namespace/name-vN"
  std::string summary;  // one line
  int num_difficulties = 1;
  std::vector<std::string> families;
  std::vector<Attribute> attributes;
  std::vector<Tool> tools;  // what the policy may call, told to it in Task::messages
  int max_turns = 1;        // of one seat
  int num_seats = 1;        // above 1: a game in which the policy plays every seat
  double max_reward = 1.0;  // of one seat; the minimum is 0
  int64_t num_tasks = 0;    // different tasks in all splits; 0: more than anyone will see
  // Bound on the rate at which a blind answer (another task's, a number of the prompt)
  // earns the maximum. The conformance suite holds the environment to it.
  double chance = 0.1;
  // Whether demonstrations earn the maximum. False for a labeler of middling strength.
  bool demonstrates_gold = true;
  // Parameters without which there are no tasks, as shown to a person: "file=PATH".
  std::string needs;
  // A step that takes longer masks its episode ("timeout").
  int step_timeout_ms = 30000;
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

  // The episode that Save() told of. Throws Error(kUnsupported) unless overridden.
  virtual std::unique_ptr<Episode> Restore(const Task& task, std::string_view saved) const;

  // Judges the samples of one task against each other, once all of them are there: may
  // change `outcomes` (G). completions[i] is all that the policy said in episode i. Masked
  // outcomes stay masked. Does nothing unless overridden.
  virtual void ScoreGroup(const Task& /*task*/, std::span<const std::string> /*completions*/,
                          std::span<Outcome> /*outcomes*/) const {}

  // What this labeler would say first: Start(task)->Demonstrate(...).
  std::optional<std::string> Demonstrate(const Task& task, Labeler labeler, uint64_t variant) const;
};

// Parameters from a recipe, "difficulty=0..3,families=buy|share" (see EnvInfo).
using EnvFactory = std::function<std::unique_ptr<Env>(std::string_view params)>;

// Makes an environment from "math/shop-v1", "math/shop" (newest version) or
// "math/shop(difficulty=1..2)". Throws Error(kUsage) with the nearest id, or with the
// parameter that is wrong. Thread-safe.
std::unique_ptr<Env> MakeEnv(std::string_view spec);

// All registered ids, sorted.
std::vector<std::string> ListEnvs();

// Adds an environment. Throws Error(kUsage) on an id that is not "namespace/name-vN" in
// lower case, or taken. Thread-safe.
void RegisterEnv(std::string_view id, EnvFactory factory);

// Registers all environments of a plugin for the rest of the process: a shared object made
// with envs/plugin.h ("my_env.so"), or a program that speaks docs/formats/env-protocol.md
// ("my_env.py", any executable file), which is started when first needed. Returns their
// ids; a file that is loaded already is left alone. Throws Error naming the file: kNotFound,
// kUnsupported (made for another ABI), kCorrupt (not a plugin), or kUsage (an id is taken).
std::vector<std::string> LoadPlugin(const std::string& file);

namespace internal {
// As RegisterEnv, before main.
bool Register(std::string_view id, EnvFactory factory);
}  // namespace internal

#define REGISTER_ENV(id, factory) \
  static const bool agon_env_registered_ = ::agon::envs::internal::Register(id, factory)

}  // namespace agon::envs
