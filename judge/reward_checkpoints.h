// Reward models from checkpoints: one, or an ensemble whose members are asked for the same text.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/chat.h"
#include "judge/completion_groups.h"
#include "judge/reward_model.h"
#include "policy/policy.h"

namespace agon::judge {

// How members' rewards become one. Source: Coste et al. 2023, arXiv 2310.02743, section 3.
enum class EnsembleRule {
  kMean,
  kWorst,        // the lowest
  kUncertainty,  // mean - uncertainty_weight * variance, over n
};
// "mean", "worst", "uncertainty", in the order of EnsembleRule.
std::span<const std::string> EnsembleRuleNames();

struct EnsembleConfig {
  EnsembleRule rule = EnsembleRule::kMean;
  float uncertainty_weight = 1.0f;
};

// REQUIRES: at least one member.
double CombineRewards(std::span<const double> members, const EnsembleConfig& config);

// Used by many threads at once, one after the other. A reward has the same bits whatever else it
// is asked with. Computes on the thread that asks: see MakeBatchedRewardModel for servers.
class RewardCheckpoints final : public RewardModel {
 public:
  // Hugging Face directories of Qwen3ForSequenceClassification with one label, as the stage
  // reward-model writes. Throws what serve::LoadModelDirectory throws, kUsage for no directory,
  // a language model, and members whose tokenizers differ.
  explicit RewardCheckpoints(std::vector<std::filesystem::path> dirs, EnsembleConfig config = {},
                             const policy::Device& device = {});
  ~RewardCheckpoints() override;

  // What is asked of each member.
  static policy::Workload Asked();

  std::string fingerprint() const override { return fingerprint_; }
  int max_positions() const;  // tokens of the longest text that all members can read
  const datasets::ChatTemplate& chat() const;

  // Throws kCorrupt for a transcript that doesn't end in the assistant's reply or is longer than
  // max_positions(), kFailed if a value isn't finite.
  std::vector<double> Rewards(std::span<const Messages> transcripts) override;

  // Sampled tokens are never encoded again, unless the members have other tokens: then the text
  // is. NaN for a reply longer than max_positions() and for a token that no member has. Throws
  // kFailed if a value isn't finite.
  std::vector<double> RewardsOfSampled(std::span<const SampledReply> replies,
                                       const datasets::Tokenizer& tokenizer) override;

  // The same as Rewards of tokens, in the order of the completions of all groups. Throws as that.
  std::vector<double> RewardsOfTokens(std::span<const CompletionGroup> groups);
  // Of each member: (members, completions).
  std::vector<std::vector<double>> MemberRewards(std::span<const CompletionGroup> groups);

 private:
  struct Member;

  bool CanRead(const CompletionGroup& group) const;

  std::mutex mutex_;
  std::vector<std::unique_ptr<Member>> members_;
  const EnsembleConfig config_;
  std::string fingerprint_;
};

// Asks `model` on a thread of its own for all that is waiting at the same time. Who asks for a
// transcript that `model` refuses gets its error, and nobody else.
std::shared_ptr<RewardModel> MakeBatchedRewardModel(std::shared_ptr<RewardModel> model);

// "DIR", "DIR,DIR,DIR(rule=worst)", "DIR,DIR(rule=uncertainty,uncertainty_weight=0.5)". Throws
// Error(kUsage) at `where` for another text, and what RewardCheckpoints throws.
std::shared_ptr<RewardCheckpoints> LoadRewardCheckpoints(std::string_view text,
                                                         std::string_view where,
                                                         const policy::Device& device = {});

}  // namespace agon::judge
