#include "trainer/rollout_statistics.h"

#include <algorithm>
#include <cmath>

#include "trainer/exploits.h"
#include "trainer/losses.h"
#include "trainer/rewards.h"

namespace agon::trainer {
namespace {

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

Numbers EpisodeStatistics(const std::vector<Group>& groups, double max_reward) {
  double sum = 0, squares = 0, length = 0;
  int scored = 0, correct = 0, truncated = 0, masked = 0, episodes = 0;
  for (const Group& group : groups) {
    for (const Rollout& rollout : group) {
      ++episodes;
      length += rollout.trajectory.CompletionTokens();
      truncated += rollout.trajectory.WasTruncated();
      if (!rollout.reward) {
        ++masked;
        continue;
      }
      ++scored;
      sum += *rollout.reward;
      squares += *rollout.reward * *rollout.reward;
      correct += rollout.trajectory.Reward() >= max_reward;
    }
  }
  const double mean = scored ? sum / scored : NAN;
  const double variance = scored ? std::max(0.0, squares / scored - mean * mean) : NAN;
  return {{"reward", mean},
          {"reward_std", std::sqrt(variance)},
          {"correct", scored ? static_cast<double>(correct) / scored : NAN},
          {"length", length / episodes},
          {"truncated", static_cast<double>(truncated) / episodes},
          {"masked", static_cast<double>(masked)},
          {"episodes", static_cast<double>(episodes)}};
}

// From the reference, of the sampler's tokens.
void AppendKl(const std::vector<Group>& groups, Numbers& numbers) {
  Mean of_token, of_completion;
  bool has_all = true;
  for (const Group& group : groups) {
    for (const Rollout& rollout : group) {
      if (rollout.ref_logprobs.empty()) {
        has_all = false;
        continue;
      }
      of_completion.Add(CompletionKl(rollout));
      for (const double kl : TokenKls(KlEstimator::kK3, rollout)) of_token.Add(kl);
    }
  }
  if (!std::isfinite(of_token.value())) return;
  numbers.emplace_back("kl", of_token.value());
  const double kl = of_completion.value();
  if (!has_all || !std::isfinite(kl)) return;
  numbers.emplace_back("kl_completion", kl);
  numbers.emplace_back("distance", std::sqrt(std::max(0.0, kl)));
}

void AppendLearned(const RlConfig& config, const RlState& state, const std::vector<Group>& groups,
                   Numbers& numbers) {
  Mean proxy, disagreement;
  for (const Group& group : groups) {
    for (const Rollout& rollout : group) {
      if (rollout.scores.empty()) continue;
      proxy.Add(LearnedReward(rollout.scores, state.scales, RewardScale::kInitial, config.learned));
      disagreement.Add(Disagreement(rollout.scores, state.scales));
    }
  }
  numbers.emplace_back("gold", GoldOf(groups).value);
  numbers.emplace_back("proxy", proxy.value());
  numbers.emplace_back("promised", PromisedGold(proxy.value(), state.course));
  if (config.learned.models.size() > 1) {
    numbers.emplace_back("disagreement", disagreement.value());
  }
}

}  // namespace

MeanGold GoldOf(const std::vector<Group>& groups) {
  Mean gold;
  for (const Group& group : groups) {
    for (const Rollout& rollout : group) {
      if (rollout.gold) gold.Add(*rollout.gold);
    }
  }
  return {gold.value(), gold.count()};
}

Numbers RolloutStatistics(const RlConfig& config, double max_reward, const RlState* state,
                          const std::vector<Group>& groups) {
  Numbers numbers = EpisodeStatistics(groups, max_reward);
  AppendKl(groups, numbers);
  if (config.learned.is_on()) AppendLearned(config, *state, groups, numbers);
  return numbers;
}

}  // namespace agon::trainer
