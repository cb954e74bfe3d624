#include "judge/reward_checkpoints.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/config.h"
#include "core/digest.h"
#include "core/error_place.h"
#include "envs/choice.h"
#include "serve/model_directory.h"

namespace agon::judge {
namespace {

// Tokens of one forward pass: enough to keep matrix products busy.
constexpr int kMaxPackTokens = 8192;
constexpr size_t kMaxMembers = 64;

const std::vector<std::string> kRules = {"mean", "worst", "uncertainty"};

std::string RuleName(const EnsembleConfig& config) {
  std::string name = kRules[static_cast<size_t>(config.rule)];
  if (config.rule == EnsembleRule::kUncertainty) {
    name += " " + std::to_string(config.uncertainty_weight);
  }
  return name;
}

// REQUIRES: it ends in the assistant's reply.
CompletionGroup EncodeTranscript(const datasets::ChatTemplate& chat, const Messages& transcript) {
  const Messages prompt(transcript.begin(), transcript.end() - 1);
  return EncodeCompletions(chat, prompt, {&transcript.back().content, 1});
}

// Transcripts whose prompts are equal stand together only if they are neighbours: the order stays.
std::vector<CompletionGroup> EncodeTranscripts(const datasets::ChatTemplate& chat,
                                               std::span<const Messages> transcripts) {
  std::vector<CompletionGroup> groups;
  for (size_t i = 0; i < transcripts.size(); ++i) {
    const Messages& transcript = transcripts[i];
    const std::string where = "transcript " + std::to_string(i);
    if (transcript.empty() || transcript.back().role != Role::kAssistant) {
      throw Error(ErrorKind::kCorrupt, "doesn't end in the assistant's reply", where);
    }
    AppendCompletion(EncodeTranscript(chat, transcript), groups);
  }
  return groups;
}

// Whether every id of one is the same token of the other.
bool HaveSameTokens(const datasets::Tokenizer& a, const datasets::Tokenizer& b) {
  if (a.vocab_size() != b.vocab_size()) return false;
  for (int32_t id = 0; id < a.vocab_size(); ++id) {
    if (a.Bytes(id) != b.Bytes(id) || a.IsSpecial(id) != b.IsSpecial(id)) return false;
  }
  return true;
}

// A reply that was cut has no stop token in this encoding either.
CompletionGroup EncodeSampled(const datasets::ChatTemplate& chat, const SampledReply& reply) {
  CompletionGroup group = EncodeTranscript(chat, reply.transcript);
  if (reply.was_cut) group.completions[0].pop_back();
  return group;
}

}  // namespace

std::span<const std::string> EnsembleRuleNames() { return kRules; }

double CombineRewards(std::span<const double> members, const EnsembleConfig& config) {
  AGON_CHECK(!members.empty(), "an ensemble has members");
  if (config.rule == EnsembleRule::kWorst) return *std::min_element(members.begin(), members.end());
  const auto count = static_cast<double>(members.size());
  const double mean = std::accumulate(members.begin(), members.end(), 0.0) / count;
  if (config.rule == EnsembleRule::kMean) return mean;
  double squares = 0;
  for (const double reward : members) squares += (reward - mean) * (reward - mean);
  return mean - static_cast<double>(config.uncertainty_weight) * squares / count;
}

struct RewardCheckpoints::Member {
  Member(const std::filesystem::path& dir, const policy::Device& device)
      : policy(policy::Policy::Load(dir, policy::ComputeType::kAuto, device, policy::Head::kScore,
                                    Asked())),
        tokenizer(serve::LoadTokenizerOf(dir, policy->config())),
        tokenizer_hash(Sha256OfFile(dir / "tokenizer.json")),
        chat(tokenizer),
        name("reward model " + dir.string()) {
    // What a language model gets in its place.
    const auto score = policy->Weight("score.weight");
    if (std::all_of(score.begin(), score.end(), [](float weight) { return weight == 0.0f; })) {
      throw Error(ErrorKind::kUsage, "is no reward model: its score head is missing or zero",
                  dir.string(), "name what the stage reward-model wrote");
    }
  }

  std::unique_ptr<policy::Policy> policy;
  datasets::Tokenizer tokenizer;
  std::string tokenizer_hash;
  datasets::ChatTemplate chat;
  std::string name;  // of its errors
};

RewardCheckpoints::RewardCheckpoints(std::vector<std::filesystem::path> dirs, EnsembleConfig config,
                                     const policy::Device& device)
    : config_(config) {
  if (dirs.empty() || dirs.size() > kMaxMembers) {
    throw Error(ErrorKind::kUsage, std::to_string(dirs.size()) +
                                       " reward models; an ensemble has 1 to " +
                                       std::to_string(kMaxMembers));
  }
  fingerprint_ = RuleName(config_);
  for (const std::filesystem::path& dir : dirs) {
    members_.push_back(std::make_unique<Member>(dir, device));
    if (members_.back()->tokenizer_hash != members_[0]->tokenizer_hash) {
      throw Error(ErrorKind::kUsage, "has another tokenizer than " + dirs[0].string(), dir.string(),
                  "members of an ensemble read the same tokens");
    }
    fingerprint_ += " " + serve::ModelIdentity(dir, device);
  }
}

RewardCheckpoints::~RewardCheckpoints() = default;

policy::Workload RewardCheckpoints::Asked() { return {.batch_tokens = kMaxPackTokens}; }

int RewardCheckpoints::max_positions() const {
  int positions = members_[0]->policy->config().max_positions;
  for (const auto& member : members_) {
    positions = std::min(positions, member->policy->config().max_positions);
  }
  return positions;
}

const datasets::ChatTemplate& RewardCheckpoints::chat() const { return members_[0]->chat; }

std::vector<double> RewardCheckpoints::Rewards(std::span<const Messages> transcripts) {
  return RewardsOfTokens(EncodeTranscripts(chat(), transcripts));
}

bool RewardCheckpoints::CanRead(const CompletionGroup& group) const {
  const auto is_known = [&](int32_t id) {
    return std::all_of(members_.begin(), members_.end(), [&](const auto& member) {
      return id >= 0 && id < member->policy->config().vocab_size;
    });
  };
  const auto are_known = [&](const std::vector<int32_t>& ids) {
    return std::all_of(ids.begin(), ids.end(), is_known);
  };
  return group.LongestTokens() <= static_cast<size_t>(max_positions()) && are_known(group.prompt) &&
         std::all_of(group.completions.begin(), group.completions.end(), are_known);
}

std::vector<double> RewardCheckpoints::RewardsOfSampled(std::span<const SampledReply> replies,
                                                        const datasets::Tokenizer& tokenizer) {
  const bool are_own_tokens = HaveSameTokens(tokenizer, members_[0]->tokenizer);
  std::vector<CompletionGroup> groups;
  std::vector<size_t> read;
  for (size_t i = 0; i < replies.size(); ++i) {
    CompletionGroup group = are_own_tokens ? CompletionGroup{replies[i].prompt, {replies[i].reply}}
                                           : EncodeSampled(chat(), replies[i]);
    if (!CanRead(group)) continue;
    AppendCompletion(std::move(group), groups);
    read.push_back(i);
  }
  std::vector<double> rewards(replies.size(), NAN);
  if (read.empty()) return rewards;
  const std::vector<double> of_read = RewardsOfTokens(groups);
  for (size_t i = 0; i < read.size(); ++i) rewards[read[i]] = of_read[i];
  return rewards;
}

std::vector<double> RewardCheckpoints::RewardsOfTokens(std::span<const CompletionGroup> groups) {
  const auto by_member = MemberRewards(groups);
  std::vector<double> rewards(by_member[0].size()), members(by_member.size());
  for (size_t i = 0; i < rewards.size(); ++i) {
    for (size_t m = 0; m < members.size(); ++m) members[m] = by_member[m][i];
    rewards[i] = CombineRewards(members, config_);
  }
  return rewards;
}

std::vector<std::vector<double>> RewardCheckpoints::MemberRewards(
    std::span<const CompletionGroup> groups) {
  for (size_t i = 0; i < groups.size(); ++i) {
    const size_t longest = groups[i].LongestTokens();
    if (longest <= static_cast<size_t>(max_positions())) continue;
    throw Error(ErrorKind::kCorrupt,
                "a text of " + std::to_string(longest) +
                    " tokens doesn't fit the reward model's context of " +
                    std::to_string(max_positions()),
                "prompt " + std::to_string(i));
  }
  const auto batches = PackForValues(SplitGroups(groups, kMaxPackTokens), kMaxPackTokens);
  std::vector<std::vector<double>> rewards;
  const std::lock_guard lock(mutex_);
  for (const auto& member : members_) {
    auto& own = rewards.emplace_back();
    for (const ValueBatch& batch : batches) {
      const std::vector<float> values =
          PlaceErrors(member->name, [&] { return member->policy->Values(batch.packed); });
      own.insert(own.end(), values.begin(), values.end());
    }
  }
  return rewards;
}

std::shared_ptr<RewardCheckpoints> LoadRewardCheckpoints(std::string_view text,
                                                         std::string_view where,
                                                         const policy::Device& device) {
  EnsembleConfig config;
  ConfigTable table;
  table.AddChoice("reward.rule", &config.rule, kRules, "how members' rewards become one");
  table.Add("reward.uncertainty_weight", &config.uncertainty_weight, 0, 1e6, "",
            "of the variance in rule=uncertainty");
  const envs::SpecText spec = envs::SplitSpec(text);
  for (const envs::Assignment& assignment : envs::SplitParams(spec.params)) {
    if (assignment.text.empty()) continue;
    try {
      table.Set("reward." + std::string(assignment.text));
    } catch (const Error& error) {
      throw Error(error.kind(), error.what(), where);
    }
  }
  std::vector<std::filesystem::path> dirs;
  for (size_t begin = 0; begin <= spec.id.size();) {
    const size_t end = std::min(spec.id.find(',', begin), spec.id.size());
    if (end == begin) {
      throw Error(ErrorKind::kUsage, "\"" + std::string(text) + "\" names no directory", where,
                  "DIR, or DIR,DIR,DIR(rule=worst)");
    }
    dirs.emplace_back(spec.id.substr(begin, end - begin));
    begin = end + 1;
  }
  return std::make_shared<RewardCheckpoints>(std::move(dirs), config, device);
}

}  // namespace agon::judge
