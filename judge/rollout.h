// Episodes: a policy and an environment in turn, until every task has its outcome.
//
// Training (trainer/rl_loop.cc) and evaluation run the same function, so that what is
// trained is what is measured.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
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
  std::vector<int32_t> tokens;          // (T) prompt, completions, tool or user turns
  std::vector<uint8_t> action_mask;     // (T) 1 on sampled tokens, the stop token too
  std::vector<float> rollout_logprobs;  // (T) 0 where action_mask is 0
  int prompt_tokens = 0;                // length of the first prompt
  int num_turns = 0;
  bool length_limited = false;  // a token limit cut the last completion
  uint64_t policy_version = 0;
  std::string completion;  // text of all assistant turns, for reports
  envs::Outcome outcome;

  int CompletionTokens() const;  // number of sampled tokens
};

struct RolloutOptions {
  policy::Sampling sampling;  // stop_token_ids are set by RunEpisodes
  int max_new_tokens = 128;   // per completion
  int num_samples = 1;        // G, episodes per task
  // Called after each round with finished and wanted episodes. May be empty.
  std::function<void(int64_t done, int64_t total)> on_progress;
};

// Ordered by (task, sample). A task whose prompt doesn't fit the context is an
// Error(kUsage) that names the task and both lengths. Grading runs on OpenMP threads;
// the result doesn't depend on their number. A grader that throws masks its episode
// (kind "grader"). In a multi-turn episode a context that is full
// ends it as truncated, and so does the environment's max_turns. Random numbers belong to
// (key, task id, turn, sample): a task named twice under one key gets the same samples.
std::vector<Trajectory> RunEpisodes(policy::Policy& policy, const datasets::ChatTemplate& chat,
                                    const envs::Env& env, std::span<const envs::Task> tasks,
                                    const RolloutOptions& options, const RngKey& key);

}  // namespace agon::judge
