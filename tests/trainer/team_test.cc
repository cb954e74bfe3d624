// Steps by several ranks: the bits of one.
#include "trainer/team.h"

#include <gtest/gtest.h>

#include <mutex>

#include "core/error.h"
#include "tests/error_of.h"
#include "tests/trainer/fake_reward_model.h"
#include "tests/trainer/loop_fixture.h"
#include "tests/trainer/thread_ranks.h"
#include "trainer/rollout_wire.h"

namespace agon::trainer {
namespace {

TEST(PartOf, PartsCoverEverythingOnce) {
  for (const size_t count : {0u, 1u, 5u, 64u, 101u}) {
    for (const size_t parts : {1u, 2u, 3u, 8u}) {
      size_t next = 0;
      for (size_t i = 0; i < parts; ++i) {
        const Range range = PartOf(count, i, parts);
        EXPECT_EQ(range.begin, next);
        EXPECT_LE(range.size(), count / parts + 1);
        next = range.end;
      }
      EXPECT_EQ(next, count);
    }
  }
}

TEST(Team, RanksMustDivideTheShards) {
  ThreadRanks(2).Run([](policy::Communicator& ranks) {
    EXPECT_TRUE(Contains(ErrorOf([&] { Team(ranks, 3); }, ErrorKind::kUsage), "run.num_shards"));
    Team(ranks, 4);
  });
}

TEST(Team, AnyIsAgreedUpon) {
  ThreadRanks(3).Run([](policy::Communicator& ranks) {
    EXPECT_TRUE(ranks.Any(ranks.rank() == 2));
    EXPECT_FALSE(ranks.Any(false));
  });
}

const char* const kLetter = "toy/team-v1";
const bool team_registered = envs::internal::Register(
    kLetter, [](std::string_view) { return std::make_unique<ToyEnv>(kLetter, GradeLetter); });

// A table and its log after RL or SFT by so many ranks.
struct Result {
  std::vector<float> logits;
  std::string log;
};

class TeamLoop : public LoopTest {
 protected:
  // `body` runs a stage with a context for each rank.
  template <typename Body>
  Result Train(int num_ranks, int num_shards, const Body& body) {
    fs::remove_all(dir_);
    Result result;
    std::mutex mutex;
    ThreadRanks(num_ranks).Run([&](policy::Communicator& ranks) {
      TabularPolicy policy(tokenizer_.vocab_size());
      policy.Join(ranks);
      RunLog log = ranks.is_leader() ? RunLog(dir_) : RunLog();
      StageContext context{policy, chat_, log,   nullptr, 1,       50,
                           {},     {},    false, 0,       nullptr, Team(ranks, num_shards)};
      body(context);
      const std::lock_guard lock(mutex);
      if (result.logits.empty()) result.logits = policy.logits;
      EXPECT_TRUE(policy.logits == result.logits) << "ranks differ";
    });
    result.log = LogText();
    return result;
  }
  template <typename Body>
  void ExpectSameBitsOnRanks(const Body& body) {
    const Result one = Train(1, 4, body);
    for (const int ranks : {2, 4}) {
      const Result many = Train(ranks, 4, body);
      EXPECT_TRUE(many.logits == one.logits) << ranks;
      EXPECT_EQ(many.log, one.log) << ranks;
    }
  }
};

TEST_F(TeamLoop, RlHasTheSameBitsOnAnyNumberOfRanks) {
  ASSERT_TRUE(team_registered);
  RlConfig config;
  config.env = kLetter;
  config.num_steps = 6;
  config.tasks_per_step = 9;  // neither ranks nor shards divide it
  config.group_size = 8;
  config.max_new_tokens = 2;
  config.num_epochs = 2;
  config.schedule = {60.0f, 0, 1.0f};
  ExpectSameBitsOnRanks([&](StageContext& context) { RunRl(config, context); });
}

// Each rank scores what it sampled; scales, the course of gold and exploits are of all.
TEST_F(TeamLoop, ALearnedRewardHasTheSameBitsOnAnyNumberOfRanks) {
  RlConfig config;
  config.env = kLetter;
  config.num_steps = 6;
  config.tasks_per_step = 9;
  config.group_size = 8;
  config.max_new_tokens = 2;
  config.schedule = {60.0f, 0, 1.0f};
  config.learned.models = {"fake", "other"};
  config.learned.env_weight = 0;
  config.learned.ensemble.rule = judge::EnsembleRule::kWorst;
  const auto length = [](const std::string&, const std::string& reply) {
    return static_cast<double>(reply.size());
  };
  const auto letter = [](const std::string&, const std::string& reply) {
    return reply.empty() ? -1.0 : static_cast<double>(static_cast<unsigned char>(reply[0]));
  };
  std::string exploits;
  ExpectSameBitsOnRanks([&](StageContext& context) {
    TabularPolicy reference(tokenizer_.vocab_size());
    context.reference = &reference;
    context.reward_models = {std::make_shared<FakeRewardModel>(length),
                             std::make_shared<FakeRewardModel>(letter)};
    RunRl(config, context);
    if (!context.team.ranks().is_leader()) return;
    const std::string found = ReadFile(dir_ / "exploits.jsonl");
    if (exploits.empty()) exploits = found;
    EXPECT_EQ(found, exploits);
  });
  EXPECT_EQ(Logged("disagreement").size(), 6u);
  EXPECT_FALSE(exploits.empty());
}

TEST_F(TeamLoop, SftHasTheSameBitsOnAnyNumberOfRanks) {
  SftConfig config;
  config.env = kLetter;
  config.num_steps = 5;
  config.tasks_per_step = 7;
  config.val_tasks = 4;
  ExpectSameBitsOnRanks([&](StageContext& context) { RunSft(config, context); });
}

// A gradient is whole: with any number of shards it is that of the batch, up to rounding.
TEST_F(TeamLoop, ShardsAddUpToTheBatch) {
  SftConfig config;
  config.env = kLetter;
  config.num_steps = 1;
  config.tasks_per_step = 8;
  config.val_tasks = 0;
  const auto train = [&](StageContext& context) { RunSft(config, context); };
  const Result whole = Train(1, 1, train), sharded = Train(1, 8, train);
  ASSERT_EQ(whole.logits.size(), sharded.logits.size());
  for (size_t i = 0; i < whole.logits.size(); ++i) {
    ASSERT_NEAR(whole.logits[i], sharded.logits[i], 1e-8f) << i;
  }
}

TEST_F(TeamLoop, AStopOnOneRankStopsAll) {
  SftConfig config;
  config.env = kLetter;
  config.num_steps = 9;
  config.tasks_per_step = 4;
  const auto train = [&](StageContext& context) {
    int asked = 0;
    const bool is_last = context.team.ranks().rank() == 1;
    context.stop_requested = [&] { return ++asked == 3 && is_last; };
    const auto run = [&] { RunSft(config, context); };
    EXPECT_TRUE(Contains(ErrorOf(run, ErrorKind::kInterrupted), "stopped after step 3"));
  };
  Train(2, 2, train);
  EXPECT_EQ(Logged("loss").size(), 3u);
}

Rollout SomeRollout(uint32_t sample) {
  Rollout rollout;
  judge::Trajectory& t = rollout.trajectory;
  t.sample = sample;
  t.seat = 1;
  t.tokens = {1, 2, 3};
  t.action_mask = {0, 1, 1};
  t.rollout_logprobs = {0.0f, -0.1f, -2.5f};
  t.prompt_tokens = 1;
  t.num_turns = 2;
  t.length_limited = true;
  t.context_full = sample == 1;
  t.outcome.truncated = sample == 2;
  t.policy_version = 77;
  t.outcome.parts = {{"won", 0.5, 2.0, 1}, {"won", 0.25, 1.0, 0}};
  if (sample > 0) rollout.reward = -0.5;
  if (sample > 0) rollout.gold = 0.75;
  if (sample > 1) t.outcome.masked = envs::Mask{"timeout", "too slow"};
  rollout.scores = {1.5, -2.0, 1.0 / 3.0};
  rollout.ref_logprobs = {-0.2f, -3.0f};
  rollout.values = {0.5f, 0.25f};
  return rollout;
}

TEST(RolloutWire, WhatTrainingNeedsComesBack) {
  const std::vector<Group> sent = {{SomeRollout(0), SomeRollout(1)}, {}, {SomeRollout(2)}};
  const std::vector<Group> back = DecodeGroups(EncodeGroups(sent));
  ASSERT_EQ(back.size(), 3u);
  EXPECT_EQ(back[1].size(), 0u);
  ASSERT_EQ(back[0].size(), 2u);
  EXPECT_FALSE(back[0][0].reward);
  EXPECT_EQ(back[0][1].reward, -0.5);
  const judge::Trajectory &a = sent[2][0].trajectory, &b = back[2][0].trajectory;
  EXPECT_EQ(b.tokens, a.tokens);
  EXPECT_EQ(b.action_mask, a.action_mask);
  EXPECT_EQ(b.rollout_logprobs, a.rollout_logprobs);
  EXPECT_EQ(b.prompt_tokens, 1);
  EXPECT_EQ(b.num_turns, 2);
  EXPECT_EQ(b.seat, 1);
  EXPECT_EQ(b.sample, 2u);
  EXPECT_TRUE(b.length_limited);
  EXPECT_FALSE(b.context_full);
  EXPECT_TRUE(b.outcome.truncated);
  EXPECT_TRUE(back[0][1].trajectory.context_full);
  EXPECT_FALSE(back[0][1].trajectory.outcome.truncated);
  EXPECT_EQ(b.policy_version, 77u);
  EXPECT_EQ(b.Reward(), a.Reward());
  EXPECT_EQ(b.CompletionTokens(), 2);
  EXPECT_FALSE(back[0][0].gold);
  EXPECT_EQ(back[0][1].gold, 0.75);
  EXPECT_FALSE(back[0][1].trajectory.outcome.masked);
  EXPECT_TRUE(b.outcome.masked);
  EXPECT_EQ(back[2][0].scores, sent[2][0].scores);
  EXPECT_EQ(back[2][0].ref_logprobs, sent[2][0].ref_logprobs);
  EXPECT_EQ(back[2][0].values, sent[2][0].values);
}

TEST(RolloutWire, WhatIsCutShortIsRefused) {
  const std::string bytes = EncodeGroups(std::vector<Group>{{SomeRollout(1)}});
  for (size_t length = 1; length < bytes.size(); ++length) {
    const auto decode = [&] { DecodeGroups(std::string_view(bytes).substr(0, length)); };
    EXPECT_FALSE(ErrorOf(decode, ErrorKind::kCorrupt).empty()) << length;
  }
}

}  // namespace
}  // namespace agon::trainer
