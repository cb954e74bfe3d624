// What an episode earns in training: its environment's reward and that of learned models, less
// what it pays for its length and its distance from the reference.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "trainer/pack.h"
#include "trainer/trainer.h"

namespace agon::trainer {

// The environment's: absent if the episode is masked, has an unscored part or a NaN.
std::optional<double> EnvReward(const judge::Trajectory& trajectory);

// Fills `scores` of every rollout: what the reward models say of its conversation, in tokens of
// `tokenizer`; NaN where one can't read it. To models that read texts a conversation of several
// turns is shown as one reply. Throws what they throw.
void ScoreByModels(const std::vector<std::shared_ptr<judge::RewardModel>>& models,
                   const datasets::Tokenizer& tokenizer, std::vector<Group>& groups);

// Fills `ref_logprobs` of every rollout.
void ScoreByReference(policy::Policy& reference, const RlConfig& config, std::span<Group> groups);

// Estimates of KL from the reference at each sampled token, nats. REQUIRES: ref_logprobs.
std::vector<double> TokenKls(KlEstimator kind, const Rollout& rollout);

// Summed k1 estimate of a completion's KL from the reference, nats. REQUIRES: ref_logprobs.
double CompletionKl(const Rollout& rollout);

// What KL in the reward costs at each sampled token; zeros where it isn't charged there.
// REQUIRES: ref_logprobs if it is.
std::vector<double> KlCharges(const Rollout& rollout, const LossConfig& loss);

// Whether the rollout's tokens are in the loss: all of them are, or none.
bool InLoss(const Rollout& rollout, const RlConfig& config);

// Fills `reward` of every rollout from what the functions above filled. `scales` are needed with
// learned rewards only.
void AssignRewards(const RlConfig& config, const ScoreScales& scales, std::vector<Group>& groups);

// Brings the scales of learned rewards up to date with a step's first round; the first step's
// replies are the starting policy's, which tell what a proxy is worth in gold.
void ObserveScores(const RlConfig& config, const std::vector<Group>& groups, RlState& state);

}  // namespace agon::trainer
