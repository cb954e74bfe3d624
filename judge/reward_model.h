// Reward models: a transcript to one number, learned from preferences.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/message.h"
#include "judge/judge.h"

namespace agon::judge {

// Used by many threads at once.
class RewardModel {
 public:
  virtual ~RewardModel() = default;
  // Changes with whatever may change a reward: hash of the weights, or the address.
  virtual std::string fingerprint() const = 0;
  // The reward of each transcript, which ends in the assistant's reply: any finite number, higher
  // is better. Throws Error where there is none.
  virtual std::vector<double> Rewards(std::span<const Messages> transcripts) = 0;
};

// Scores by the reward; its range is unbounded. A reward that isn't finite is a failure.
std::unique_ptr<Judge> MakeRewardModelJudge(std::shared_ptr<RewardModel> model, std::string name);

// A server that speaks OpenRLHF's POST /get_reward, {"query": [text, ...]} to {"rewards": [...]};
// transcripts are sent as ChatML, in which "<|im_" of a message is pulled apart. `url` is that of
// the route. Throws as net::HttpClient does.
std::shared_ptr<RewardModel> MakeRemoteRewardModel(const std::string& url);

}  // namespace agon::judge
