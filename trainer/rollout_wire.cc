#include "trainer/rollout_wire.h"

#include <cstring>

#include "core/error.h"

namespace agon::trainer {
namespace {

// Plain numbers of this machine's kind: ranks run one build.
struct Head {
  double reward, score, gold;
  uint64_t policy_version, num_tokens, num_scores, num_ref_logprobs, num_values;
  uint32_t sample;
  int32_t seat, prompt_tokens, num_turns;
  uint8_t has_reward, length_limited, context_full, was_truncated, has_gold, is_masked, unused[2];
};

template <typename T>
void Put(const T* values, size_t count, std::string& bytes) {
  if (count == 0) return;
  bytes.append(reinterpret_cast<const char*>(values), count * sizeof(T));
}

void PutRollout(const Rollout& rollout, std::string& bytes) {
  const judge::Trajectory& t = rollout.trajectory;
  const Head head{rollout.reward.value_or(0),
                  t.Reward(),
                  rollout.gold.value_or(0),
                  t.policy_version,
                  t.tokens.size(),
                  rollout.scores.size(),
                  rollout.ref_logprobs.size(),
                  rollout.values.size(),
                  t.sample,
                  t.seat,
                  t.prompt_tokens,
                  t.num_turns,
                  rollout.reward.has_value(),
                  t.length_limited,
                  t.context_full,
                  t.outcome.truncated,
                  rollout.gold.has_value(),
                  t.outcome.masked.has_value(),
                  {}};
  Put(&head, 1, bytes);
  Put(t.tokens.data(), t.tokens.size(), bytes);
  Put(t.action_mask.data(), t.tokens.size(), bytes);
  Put(t.rollout_logprobs.data(), t.tokens.size(), bytes);
  Put(rollout.scores.data(), rollout.scores.size(), bytes);
  Put(rollout.ref_logprobs.data(), rollout.ref_logprobs.size(), bytes);
  Put(rollout.values.data(), rollout.values.size(), bytes);
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool done() const { return bytes_.empty(); }
  template <typename T>
  void Read(T* values, size_t count) {
    if (bytes_.size() / sizeof(T) < count) {
      throw Error(ErrorKind::kCorrupt, "cut short", "rollouts of another rank");
    }
    std::memcpy(values, bytes_.data(), count * sizeof(T));
    bytes_.remove_prefix(count * sizeof(T));
  }
  template <typename T>
  std::vector<T> ReadVector(size_t count) {
    if (bytes_.size() / sizeof(T) < count) {
      throw Error(ErrorKind::kCorrupt, "cut short", "rollouts of another rank");
    }
    std::vector<T> values(count);
    if (count > 0) Read(values.data(), count);  // data() of none may be null
    return values;
  }

 private:
  std::string_view bytes_;
};

Rollout ReadRollout(Reader& reader) {
  Head head;
  reader.Read(&head, 1);
  Rollout rollout;
  judge::Trajectory& t = rollout.trajectory;
  t.policy_version = head.policy_version;
  t.sample = head.sample;
  t.seat = head.seat;
  t.prompt_tokens = head.prompt_tokens;
  t.num_turns = head.num_turns;
  t.length_limited = head.length_limited != 0;
  t.context_full = head.context_full != 0;
  t.tokens = reader.ReadVector<int32_t>(head.num_tokens);
  t.action_mask = reader.ReadVector<uint8_t>(head.num_tokens);
  t.rollout_logprobs = reader.ReadVector<float>(head.num_tokens);
  t.outcome.parts = {{"reward", head.score, 1.0, head.seat}};
  t.outcome.truncated = head.was_truncated != 0;
  if (head.is_masked) t.outcome.masked = envs::Mask{"another rank", ""};
  if (head.has_reward) rollout.reward = head.reward;
  if (head.has_gold) rollout.gold = head.gold;
  rollout.scores = reader.ReadVector<double>(head.num_scores);
  rollout.ref_logprobs = reader.ReadVector<float>(head.num_ref_logprobs);
  rollout.values = reader.ReadVector<float>(head.num_values);
  return rollout;
}

}  // namespace

std::string EncodeGroups(std::span<const Group> groups) {
  std::string bytes;
  for (const Group& group : groups) {
    const uint64_t size = group.size();
    Put(&size, 1, bytes);
    for (const Rollout& rollout : group) PutRollout(rollout, bytes);
  }
  return bytes;
}

std::vector<Group> DecodeGroups(std::string_view bytes) {
  std::vector<Group> groups;
  for (Reader reader(bytes); !reader.done();) {
    uint64_t size = 0;
    reader.Read(&size, 1);
    Group& group = groups.emplace_back();
    for (uint64_t i = 0; i < size; ++i) group.push_back(ReadRollout(reader));
  }
  return groups;
}

}  // namespace agon::trainer
