// Episodes: a policy and an environment in turn, until every task has its outcome.
//
// Training (trainer/rl_loop.cc) and evaluation run the same function, so that what is
// trained is what is measured. Environments step on threads of their own while the policy
// decodes: an episode whose turn is over leaves the batch and comes back with its next one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/rng.h"
#include "datasets/chat.h"
#include "envs/env.h"
#include "policy/policy.h"

namespace agon::judge {

// One episode, token-exact: what was sampled is never encoded again.
struct Trajectory {
  envs::Task task;
  uint32_t sample = 0;
  int seat = 0;                         // in a game, whose conversation it is
  std::vector<int32_t> tokens;          // (T) prompt, completions, tool or user turns
  std::vector<uint8_t> action_mask;     // (T) 1 on sampled tokens, the stop token too
  std::vector<float> rollout_logprobs;  // (T) 0 where action_mask is 0
  int prompt_tokens = 0;                // length of the first prompt; 0: never asked
  int num_turns = 0;
  bool length_limited = false;  // a token limit cut the last completion
  bool context_full = false;    // the next turn had no room
  uint64_t policy_version = 0;
  // For reports: what the seat said, and after "[tool] " or another role what it was told.
  std::string completion;
  envs::Outcome outcome;  // of the episode, all seats

  int CompletionTokens() const;                           // number of sampled tokens
  double Reward() const { return outcome.Reward(seat); }  // of this seat
  bool HitTokenLimit() const { return length_limited || context_full; }
  // Ended by a limit: of tokens, or of the environment's own.
  bool WasTruncated() const { return HitTokenLimit() || outcome.truncated; }
};

// Who speaks for a seat. Keeps pointers.
struct Player {
  policy::Policy* policy = nullptr;
  const datasets::ChatTemplate* chat = nullptr;
};

struct RolloutOptions {
  policy::Sampling sampling;  // stop_token_ids are set by RunEpisodes
  int max_new_tokens = 128;   // per completion
  int num_samples = 1;        // G, episodes per task
  // Absent: the policy plays every seat. Otherwise it plays seat index % num_seats of a task.
  std::optional<Player> opponent;
  // How every episode's first completion begins: part of what the environment reads, but of
  // the prompt for the policy. Needs an environment of one seat.
  std::string prefill;
  int max_step_threads = 16;  // steps of the environment at once
  // Called when episodes have ended, with finished and wanted episodes. May be empty.
  std::function<void(int64_t done, int64_t total)> on_progress;
};

// The policy's trajectories, ordered by (task, sample, seat). A task whose prompt doesn't fit
// the context is an Error(kUsage) that names the task and both lengths. An environment that
// throws masks its episode (kind "grader"), and so does a step that takes longer than
// EnvInfo::step_timeout_ms ("timeout"). In an episode of several turns a context that is full
// ends it as truncated, and so does the environment's max_turns. Random numbers belong to
// (key, task id, seat, turn, sample): a task named twice under one key gets the same samples.
// The result depends on nothing else: not on timing, threads or the order of tasks.
std::vector<Trajectory> RunEpisodes(policy::Policy& policy, const datasets::ChatTemplate& chat,
                                    std::shared_ptr<const envs::Env> env,
                                    std::span<const envs::Task> tasks,
                                    const RolloutOptions& options, const RngKey& key);

}  // namespace agon::judge
