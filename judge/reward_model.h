// Reward models: a transcript to one number, learned from preferences.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/message.h"
#include "datasets/tokenizer.h"
#include "judge/judge.h"

namespace agon::judge {

// What a policy sampled, token-exact beside its text.
struct SampledReply {
  Messages transcript;          // ends in the assistant's reply
  std::vector<int32_t> prompt;  // not empty
  std::vector<int32_t> reply;   // up to the last sampled token: the stop token, unless it was cut
  bool was_cut = false;         // by a token limit
};

// Used by many threads at once.
class RewardModel {
 public:
  virtual ~RewardModel() = default;
  // Changes with whatever may change a reward: hash of the weights, or the address.
  virtual std::string fingerprint() const = 0;
  // The reward of each transcript, which ends in the assistant's reply: any finite number, higher
  // is better. Throws Error where there is none.
  virtual std::vector<double> Rewards(std::span<const Messages> transcripts) = 0;
  // The reward of each reply, whose tokens are `tokenizer`'s. NaN for one that can't be read: what
  // a policy samples is no error. A model that reads texts only gives the Rewards of transcripts.
  virtual std::vector<double> RewardsOfSampled(std::span<const SampledReply> replies,
                                               const datasets::Tokenizer& tokenizer);
};

// Scores by the reward; its range is unbounded. A reward that isn't finite is a failure.
std::unique_ptr<Judge> MakeRewardModelJudge(std::shared_ptr<RewardModel> model, std::string name);

// A server that speaks OpenRLHF's POST /get_reward, {"query": [text, ...]} to {"rewards": [...]};
// transcripts are sent as ChatML, in which "<|im_" of a message is pulled apart. `url` is that of
// the route. Throws as net::HttpClient does.
std::shared_ptr<RewardModel> MakeRemoteRewardModel(const std::string& url);

}  // namespace agon::judge
