#include "trainer/pack.h"

#include <algorithm>
#include <optional>

#include "core/error.h"

namespace agon::trainer {
namespace {

// Tokens fed after the prompt: up to the last sampled one, which nothing after it needs.
int Continuation(const judge::Trajectory& t) {
  int last = static_cast<int>(t.tokens.size()) - 1;
  while (last >= t.prompt_tokens && !t.action_mask[static_cast<size_t>(last)]) --last;
  return std::max(0, last - t.prompt_tokens);
}

bool SamePrompt(const judge::Trajectory& a, const judge::Trajectory& b) {
  return a.prompt_tokens == b.prompt_tokens &&
         std::equal(a.tokens.begin(), a.tokens.begin() + a.prompt_tokens, b.tokens.begin());
}

// Adds a prompt once and then continuations of it.
class GroupPacker {
 public:
  GroupPacker(TrainBatch& batch, const judge::Trajectory& first)
      : batch_(batch),
        first_(first),
        prefix_begin_(static_cast<int32_t>(batch.packed.tokens.size())),
        prefix_length_(first.prompt_tokens) {
    auto& tokens = batch.packed.tokens;
    tokens.insert(tokens.end(), first.tokens.begin(), first.tokens.begin() + prefix_length_);
    batch.packed.segments.push_back({prefix_begin_, prefix_length_, 0, 0});
  }

  void Add(const Rollout& rollout) {
    const judge::Trajectory& trajectory = rollout.trajectory;
    auto& packed = batch_.packed;
    const auto begin = static_cast<int32_t>(packed.tokens.size());
    const int length = Continuation(trajectory);
    const auto fed = trajectory.tokens.begin() + prefix_length_;
    packed.tokens.insert(packed.tokens.end(), fed, fed + length);
    if (length > 0) packed.segments.push_back({begin, length, prefix_begin_, prefix_length_});
    for (int t = prefix_length_; t < static_cast<int>(trajectory.tokens.size()); ++t) {
      if (!trajectory.action_mask[static_cast<size_t>(t)]) continue;
      // The token before it predicts it: for the first one, the prompt's last.
      const int32_t row =
          t == prefix_length_ ? prefix_begin_ + prefix_length_ - 1 : begin + t - prefix_length_ - 1;
      packed.rows.push_back(row);
      packed.targets.push_back(trajectory.tokens[static_cast<size_t>(t)]);
      batch_.rollout_logprobs.push_back(trajectory.rollout_logprobs[static_cast<size_t>(t)]);
    }
    batch_.rollouts.push_back(&rollout);
    batch_.offsets.push_back(static_cast<int32_t>(packed.rows.size()));
  }

  bool Shares(const judge::Trajectory& other) const { return SamePrompt(first_, other); }

 private:
  TrainBatch& batch_;
  const judge::Trajectory& first_;
  int32_t prefix_begin_, prefix_length_;
};

int64_t TokensOf(const Group& group) {
  int64_t tokens = 0;
  const judge::Trajectory* previous = nullptr;
  for (const Rollout& rollout : group) {
    const judge::Trajectory& trajectory = rollout.trajectory;
    if (previous == nullptr || !SamePrompt(*previous, trajectory)) {
      tokens += trajectory.prompt_tokens;
    }
    tokens += Continuation(trajectory);
    previous = &trajectory;
  }
  return tokens;
}

}  // namespace

std::vector<TrainBatch> PackGroups(std::span<const Group> groups, int max_tokens,
                                   float temperature) {
  std::vector<TrainBatch> batches;
  const auto open = [&]() -> TrainBatch& {
    TrainBatch& batch = batches.emplace_back();
    batch.packed.temperature = temperature;
    batch.offsets.push_back(0);
    return batch;
  };
  const auto used = [&] {
    return batches.empty() ? int64_t{max_tokens}
                           : static_cast<int64_t>(batches.back().packed.tokens.size());
  };
  for (const Group& group : groups) {
    if (used() + TokensOf(group) > max_tokens) open();
    std::optional<GroupPacker> packer;
    for (const Rollout& rollout : group) {
      const judge::Trajectory& trajectory = rollout.trajectory;
      const bool shares = packer && packer->Shares(trajectory);
      const int64_t needed =
          Continuation(trajectory) + (shares ? 0 : int64_t{trajectory.prompt_tokens});
      // Without a token fed, as where a prompt's completions are one token each, rows still add up.
      const int64_t scored = batches.back().offsets.back() + int64_t{trajectory.CompletionTokens()};
      if (std::max(used() + needed, scored) > max_tokens && !batches.back().rollouts.empty()) {
        packer.emplace(open(), trajectory);
      } else if (!shares) {
        packer.emplace(batches.back(), trajectory);
      }
      packer->Add(rollout);
    }
  }
  return batches;
}

void ScoreTokens(std::span<Group> groups, int max_tokens, float temperature,
                 std::vector<float> Rollout::*field,
                 const std::function<std::vector<float>(const policy::PackedBatch&)>& score) {
  std::vector<std::vector<float>> by_rollout;
  for (const TrainBatch& batch : PackGroups(groups, max_tokens, temperature)) {
    const std::vector<float> numbers = score(batch.packed);
    for (size_t i = 0; i + 1 < batch.offsets.size(); ++i) {
      by_rollout.emplace_back(numbers.begin() + batch.offsets[i],
                              numbers.begin() + batch.offsets[i + 1]);
    }
  }
  size_t next = 0;
  for (Group& group : groups) {
    for (Rollout& rollout : group) rollout.*field = std::move(by_rollout[next++]);
  }
}

std::vector<policy::PackedBatch> PackSequences(std::span<const MaskedSequence> sequences,
                                               int max_tokens) {
  std::vector<policy::PackedBatch> batches;
  for (const MaskedSequence& sequence : sequences) {
    AGON_CHECK(sequence.ids.size() == sequence.loss_mask.size());
    const int length = static_cast<int>(sequence.ids.size()) - 1;
    if (length < 1) continue;
    if (batches.empty() || static_cast<int>(batches.back().tokens.size()) + length > max_tokens) {
      batches.emplace_back();
    }
    policy::PackedBatch& batch = batches.back();
    const auto begin = static_cast<int32_t>(batch.tokens.size());
    batch.tokens.insert(batch.tokens.end(), sequence.ids.begin(), sequence.ids.end() - 1);
    batch.segments.push_back({begin, length, 0, 0});
    for (int t = 1; t <= length; ++t) {
      if (!sequence.loss_mask[static_cast<size_t>(t)]) continue;
      batch.rows.push_back(begin + t - 1);
      batch.targets.push_back(sequence.ids[static_cast<size_t>(t)]);
    }
  }
  return batches;
}

}  // namespace agon::trainer
