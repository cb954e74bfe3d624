#include "trainer/rewards.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "trainer/exploits.h"
#include "trainer/losses.h"

namespace agon::trainer {
namespace {

double Overlong(double reward, const judge::Trajectory& trajectory, const RlConfig& config) {
  switch (config.overlong) {
    case OverlongReward::kAsGraded:
      return reward;
    case OverlongReward::kZero:
      return trajectory.length_limited ? 0.0 : reward;
    case OverlongReward::kSoftPenalty: {
      // DAPO, eq. 13: nothing up to the buffer, then linearly down to -1 at the limit.
      const int over =
          trajectory.CompletionTokens() - (config.max_new_tokens - config.overlong_buffer);
      return over <= 0 ? reward
                       : reward - std::min(1.0, static_cast<double>(over) / config.overlong_buffer);
    }
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

class Mean {
 public:
  void Add(double value) {
    if (!std::isfinite(value)) return;
    sum_ += value;
    ++count_;
  }
  double value() const { return count_ ? sum_ / static_cast<double>(count_) : NAN; }
  int64_t count() const { return count_; }

 private:
  double sum_ = 0;
  int64_t count_ = 0;
};

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

void ScoreByReference(policy::Policy& reference, const RlConfig& config,
                      std::vector<Group>& groups) {
  ScoreTokens(
      groups, config.micro_batch_tokens, config.temperature, &Rollout::ref_logprobs,
      [&](const policy::PackedBatch& packed) { return reference.ScoreOnly(packed).logprobs; });
}

std::vector<double> KlCharges(const Rollout& rollout, const LossConfig& loss) {
  const bool charged = loss.kl != KlEstimator::kNone && loss.kl_place == KlPlace::kReward;
  AGON_CHECK(!charged || !rollout.ref_logprobs.empty(), "KL in the reward needs a reference");
  std::vector<double> charges;
  const judge::Trajectory& t = rollout.trajectory;
  for (size_t i = 0; i < t.tokens.size(); ++i) {
    if (!t.action_mask[i]) continue;
    charges.push_back(
        charged ? static_cast<double>(loss.kl_coef) *
                      KlEstimate(loss.kl, static_cast<double>(t.rollout_logprobs[i]),
                                 static_cast<double>(rollout.ref_logprobs[charges.size()]))
                : 0.0);
  }
  return charges;
}

bool InLoss(const Rollout& rollout, const RlConfig& config) {
  return rollout.reward.has_value() &&
         !(config.mask_truncated && rollout.trajectory.length_limited);
}

double CompletionKl(const Rollout& rollout) {
  double sum = 0.0;
  size_t next = 0;
  const judge::Trajectory& t = rollout.trajectory;
  for (size_t i = 0; i < t.tokens.size(); ++i) {
    if (!t.action_mask[i]) continue;
    sum += static_cast<double>(t.rollout_logprobs[i]) -
           static_cast<double>(rollout.ref_logprobs[next++]);
  }
  return sum;
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

MeanGold GoldOf(const std::vector<Group>& groups) {
  Mean gold;
  for (const Group& group : groups) {
    for (const Rollout& rollout : group) {
      if (rollout.gold) gold.Add(*rollout.gold);
    }
  }
  return {gold.value(), gold.count()};
}

Numbers RewardStatistics(const RlConfig& config, const RlState* state,
                         const std::vector<Group>& groups) {
  Mean kl, proxy, disagreement;
  for (const Group& group : groups) {
    for (const Rollout& rollout : group) {
      if (!rollout.ref_logprobs.empty()) kl.Add(CompletionKl(rollout));
      if (rollout.scores.empty()) continue;
      proxy.Add(
          LearnedReward(rollout.scores, state->scales, RewardScale::kInitial, config.learned));
      disagreement.Add(Disagreement(rollout.scores, state->scales));
    }
  }
  Numbers numbers;
  if (std::isfinite(kl.value())) {
    numbers = {{"kl_completion", kl.value()}, {"distance", std::sqrt(std::max(0.0, kl.value()))}};
  }
  if (!config.learned.is_on()) return numbers;
  numbers.emplace_back("gold", GoldOf(groups).value);
  numbers.emplace_back("proxy", proxy.value());
  numbers.emplace_back("promised", PromisedGold(proxy.value(), state->course));
  if (config.learned.models.size() > 1) {
    numbers.emplace_back("disagreement", disagreement.value());
  }
  return numbers;
}

}  // namespace agon::trainer
