#include "trainer/rewards.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error_place.h"
#include "trainer/exploits.h"
#include "trainer/losses.h"

namespace agon::trainer {
namespace {

// Of an episode's completions. What others say stands between them.
int LongestCompletion(const judge::Trajectory& trajectory) {
  int longest = 0, length = 0;
  for (const uint8_t sampled : trajectory.action_mask) {
    length = sampled ? length + 1 : 0;
    longest = std::max(longest, length);
  }
  return longest;
}

// DAPO, eq. 13: nothing up to the buffer, then linearly up to 1 at the limit.
double SoftPenalty(const judge::Trajectory& trajectory, const RlConfig& config) {
  if (trajectory.HitTokenLimit()) return 1.0;
  const int over = LongestCompletion(trajectory) - (config.max_new_tokens - config.overlong_buffer);
  return std::clamp(static_cast<double>(over) / config.overlong_buffer, 0.0, 1.0);
}

double Overlong(double reward, const judge::Trajectory& trajectory, const RlConfig& config) {
  switch (config.overlong) {
    case OverlongReward::kAsGraded:
      return reward;
    case OverlongReward::kZero:
      return trajectory.HitTokenLimit() ? 0.0 : reward;
    case OverlongReward::kSoftPenalty:
      return reward - SoftPenalty(trajectory, config);
  }
  return reward;
}

// Of the environment and of learned models, weighted.
std::optional<double> BaseReward(const Rollout& rollout, const RlConfig& config,
                                 const ScoreScales& scales) {
  const LearnedRewardConfig& learned = config.learned;
  if (!learned.is_on()) return rollout.gold;
  if (rollout.trajectory.outcome.masked) return std::nullopt;
  double reward = 0.0;
  if (learned.env_weight > 0) {
    if (!rollout.gold) return std::nullopt;
    reward += static_cast<double>(learned.env_weight) * *rollout.gold;
  }
  const double by_models = LearnedReward(rollout.scores, scales, learned.scale, learned);
  reward += static_cast<double>(learned.weight) * by_models;
  return std::isfinite(reward) ? std::optional(reward) : std::nullopt;
}

// The whole conversation behind its first prompt, up to what was sampled last.
judge::SampledReply Sampled(const judge::Trajectory& t) {
  judge::SampledReply reply;
  reply.transcript = t.task.messages;
  reply.transcript.push_back({Role::kAssistant, t.completion});
  const auto last = std::find(t.action_mask.rbegin(), t.action_mask.rend(), uint8_t{1}).base();
  const auto prompt_end = t.tokens.begin() + t.prompt_tokens;
  reply.prompt.assign(t.tokens.begin(), prompt_end);
  reply.reply.assign(prompt_end, t.tokens.begin() + (last - t.action_mask.begin()));
  reply.was_cut = t.length_limited;
  return reply;
}

}  // namespace

std::optional<double> EnvReward(const judge::Trajectory& trajectory) {
  const envs::Outcome& outcome = trajectory.outcome;
  if (outcome.masked) return std::nullopt;
  for (const envs::RewardPart& part : outcome.parts) {
    if (!part.value || std::isnan(*part.value)) return std::nullopt;
  }
  return trajectory.Reward();
}

void ScoreByModels(const std::vector<std::shared_ptr<judge::RewardModel>>& models,
                   const datasets::Tokenizer& tokenizer, std::vector<Group>& groups) {
  if (models.empty()) return;
  std::vector<judge::SampledReply> replies;
  for (const Group& group : groups) {
    for (const Rollout& rollout : group) replies.push_back(Sampled(rollout.trajectory));
  }
  if (replies.empty()) return;
  for (const auto& model : models) {
    const std::vector<double> scores = model->RewardsOfSampled(replies, tokenizer);
    if (scores.size() != replies.size()) {
      throw Error(ErrorKind::kFailed,
                  std::to_string(scores.size()) + " rewards for " + std::to_string(replies.size()) +
                      " replies",
                  "reward model " + model->fingerprint());
    }
    size_t next = 0;
    for (Group& group : groups) {
      for (Rollout& rollout : group) rollout.scores.push_back(scores[next++]);
    }
  }
}

void ScoreByReference(policy::Policy& reference, const RlConfig& config, std::span<Group> groups) {
  PlaceErrors("reference", [&] {
    ScoreTokens(
        groups, config.micro_batch_tokens, config.temperature, &Rollout::ref_logprobs,
        [&](const policy::PackedBatch& packed) { return reference.ScoreOnly(packed).logprobs; });
  });
}

std::vector<double> TokenKls(KlEstimator kind, const Rollout& rollout) {
  std::vector<double> kls;
  const judge::Trajectory& t = rollout.trajectory;
  for (size_t i = 0; i < t.tokens.size(); ++i) {
    if (!t.action_mask[i]) continue;
    kls.push_back(KlEstimate(kind, static_cast<double>(t.rollout_logprobs[i]),
                             static_cast<double>(rollout.ref_logprobs[kls.size()])));
  }
  return kls;
}

std::vector<double> KlCharges(const Rollout& rollout, const LossConfig& loss) {
  if (!ChargesKl(loss, KlPlace::kReward)) {
    return std::vector<double>(static_cast<size_t>(rollout.trajectory.CompletionTokens()));
  }
  AGON_CHECK(!rollout.ref_logprobs.empty(), "KL in the reward needs a reference");
  std::vector<double> charges = TokenKls(loss.kl, rollout);
  for (double& charge : charges) charge *= static_cast<double>(loss.kl_coef);
  return charges;
}

bool InLoss(const Rollout& rollout, const RlConfig& config) {
  return rollout.reward.has_value() &&
         !(config.mask_truncated && rollout.trajectory.HitTokenLimit());
}

double CompletionKl(const Rollout& rollout) {
  const std::vector<double> kls = TokenKls(KlEstimator::kK1, rollout);
  return std::accumulate(kls.begin(), kls.end(), 0.0);
}

void AssignRewards(const RlConfig& config, const ScoreScales& scales, std::vector<Group>& groups) {
  for (Group& group : groups) {
    for (Rollout& rollout : group) {
      rollout.reward = BaseReward(rollout, config, scales);
      if (!rollout.reward) continue;
      const judge::Trajectory& trajectory = rollout.trajectory;
      double reward = *rollout.reward;
      if (config.length_coef > 0) {
        reward -= static_cast<double>(config.length_coef) * trajectory.CompletionTokens();
      }
      const std::vector<double> charges = KlCharges(rollout, config.loss);
      rollout.reward = Overlong(reward, trajectory, config) -
                       std::accumulate(charges.begin(), charges.end(), 0.0);
    }
  }
}

void ObserveScores(const RlConfig& config, const std::vector<Group>& groups, RlState& state) {
  const bool is_first = state.scales.initial.empty();
  std::vector<std::vector<double>> scores;
  for (const Group& group : groups) {
    for (const Rollout& rollout : group) scores.push_back(rollout.scores);
  }
  state.scales.Observe(scores);
  if (is_first && !state.scales.initial.empty()) CalibrateGold(config, groups, state);
}

}  // namespace agon::trainer
