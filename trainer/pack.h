// From trajectories and conversations to packed batches: the only packing code.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "datasets/chat.h"
#include "judge/rollout.h"
#include "policy/policy.h"

namespace agon::trainer {

// One episode and what training makes of it.
struct Rollout {
  judge::Trajectory trajectory;
  std::optional<double> reward;  // absent: masked or not scored
  float advantage = 0;
  std::optional<double> gold{};  // the environment's own reward
  std::vector<double> scores{};  // (M) by the reward models, on their own scales
  // Of the sampled tokens. Empty: no reference; no value model; not in its loss.
  std::vector<float> ref_logprobs{};
  std::vector<float> values{};
  std::vector<float> token_advantages{};
  std::vector<double> returns{};
};

// Episodes of one task and seat. They share the first prompt, except where a game's seat
// sees moves before its first turn.
using Group = std::vector<Rollout>;

// One forward and backward. The sampled tokens of the rollouts are scored, in order; a
// prompt that neighbours share is stored once.
struct TrainBatch {
  policy::PackedBatch packed;
  std::vector<const Rollout*> rollouts;
  std::vector<int32_t> offsets;         // (rollouts + 1) into the scored tokens
  std::vector<float> rollout_logprobs;  // (S)
};

// Cuts groups into micro-batches of at most `max_tokens` tokens, of which at most as many are
// scored. A group stays whole if it fits; a trajectory is never cut (one longer than max_tokens
// makes its own batch). Keeps pointers into `groups`.
std::vector<TrainBatch> PackGroups(std::span<const Group> groups, int max_tokens,
                                   float temperature);

// Numbers of each rollout's sampled tokens into `field`, from `score`, which says those of a
// batch's scored tokens in order.
void ScoreTokens(std::span<Group> groups, int max_tokens, float temperature,
                 std::vector<float> Rollout::*field,
                 const std::function<std::vector<float>(const policy::PackedBatch&)>& score);

// Token sequences with a loss mask on targets: mask[t] = 1 scores token t.
struct MaskedSequence {
  std::vector<int32_t> ids;
  std::vector<uint8_t> loss_mask;
};

// Sequences to micro-batches of at most `max_tokens` tokens, whole and in order. A
// sequence's last token is not fed (nothing after it is scored), its first never scored.
std::vector<policy::PackedBatch> PackSequences(std::span<const MaskedSequence> sequences,
                                               int max_tokens);

}  // namespace agon::trainer
