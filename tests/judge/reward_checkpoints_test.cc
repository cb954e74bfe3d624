// Rewards from checkpoints: what is read, how members combine, many who ask at once.
#include "judge/reward_checkpoints.h"

#include <cmath>
#include <thread>

#include "judge/judge.h"
#include "tests/error_of.h"
#include "tests/judge/tiny_reward_model.h"

namespace agon::judge {
namespace {

using Dirs = std::vector<std::filesystem::path>;

Messages Said(const std::string& prompt, const std::string& reply) {
  return {{Role::kUser, prompt}, {Role::kAssistant, reply}};
}

// By hand: members 1, 2 and 6 have mean 3 and variance (4 + 1 + 9) / 3 = 14 / 3.
TEST(CombineRewardsTest, ByHand) {
  const std::vector<double> members = {2, 1, 6};
  EXPECT_DOUBLE_EQ(CombineRewards(members, {}), 3);
  EXPECT_DOUBLE_EQ(CombineRewards(members, {EnsembleRule::kWorst}), 1);
  EXPECT_DOUBLE_EQ(CombineRewards(members, {EnsembleRule::kUncertainty, 0.5f}), 3 - 7.0 / 3);
  for (const auto rule : {EnsembleRule::kMean, EnsembleRule::kWorst, EnsembleRule::kUncertainty}) {
    EXPECT_EQ(CombineRewards(std::vector<double>{-4.5}, {rule}), -4.5);
  }
}

// The reward of a text is the model's value at the stop token of the whole conversation.
TEST(RewardCheckpointsTest, ReadsTheStopToken) {
  const auto dir = WriteTinyRewardModel("reads_stop", 3);
  RewardCheckpoints model(Dirs{dir});
  const auto& chat = model.chat();
  const Messages transcript = Said("Who?", "Me.");
  policy::PackedBatch batch;
  batch.tokens = chat.Render(transcript).ids;
  ASSERT_EQ(batch.tokens[batch.tokens.size() - 2], chat.stop_token_id());
  const auto length = static_cast<int32_t>(batch.tokens.size());
  batch.segments = {{0, length, 0, 0}};
  batch.rows = {length - 2};
  const auto policy =
      policy::Policy::Load(dir, policy::ComputeType::kAuto, {}, policy::Head::kScore);
  EXPECT_EQ(model.Rewards({&transcript, 1})[0], static_cast<double>(policy->Values(batch)[0]));
}

TEST(RewardCheckpointsTest, ARewardDependsOnItsTextAlone) {
  RewardCheckpoints model(Dirs{WriteTinyRewardModel("alone", 3)});
  std::vector<Messages> transcripts;
  for (int i = 0; i < 60; ++i) {
    transcripts.push_back(Said(i < 40 ? "Shared prompt" : "Other " + std::to_string(i),
                               std::string(static_cast<size_t>(i % 7), 'x') + std::to_string(i)));
  }
  const auto together = model.Rewards(transcripts);
  ASSERT_EQ(together.size(), 60u);
  for (size_t i = 0; i < transcripts.size(); ++i) {
    EXPECT_EQ(model.Rewards({&transcripts[i], 1})[0], together[i]) << i;
  }
  EXPECT_NE(together[0], together[1]);
}

TEST(RewardCheckpointsTest, AFailureNamesTheModel) {
  const auto dir = WriteTinyRewardModel("broken", 3);
  const auto broken =
      policy::Policy::Load(dir, policy::ComputeType::kFloat32, {}, policy::Head::kScore);
  broken->Weight("model.layers.1.mlp.up_proj.weight")[0] = NAN;
  broken->Save(dir);
  RewardCheckpoints model(Dirs{WriteTinyRewardModel("whole", 3), dir});
  const Messages transcript = Said("Who?", "Me.");
  const std::string error = ErrorOf([&] { model.Rewards({&transcript, 1}); }, ErrorKind::kFailed);
  EXPECT_TRUE(
      Contains(error, "reward model " + dir.string() + ": LinearSwiGlu (gate, up) in layer 1"))
      << error;
}

TEST(RewardCheckpointsTest, TokensGiveWhatMessagesGive) {
  RewardCheckpoints model(Dirs{WriteTinyRewardModel("tokens", 3)});
  const std::vector<std::string> replies = {"one", "", "three"};
  const auto group = EncodeCompletions(model.chat(), {{Role::kUser, "Count"}}, replies);
  const auto rewards = model.RewardsOfTokens({&group, 1});
  for (size_t i = 0; i < replies.size(); ++i) {
    const Messages transcript = Said("Count", replies[i]);
    EXPECT_EQ(rewards[i], model.Rewards({&transcript, 1})[0]) << replies[i];
  }
  // A conversation that went on has the reward of its end.
  const std::vector<Messages> leads(replies.size(),
                                    {{Role::kAssistant, "ok"}, {Role::kUser, "More"}});
  const auto longer = EncodeCompletions(model.chat(), {{Role::kUser, "Count"}}, replies, leads);
  EXPECT_EQ(longer.prompt, group.prompt);
  const auto later = model.RewardsOfTokens({&longer, 1});
  for (size_t i = 0; i < replies.size(); ++i) {
    const Messages transcript = {{Role::kUser, "Count"},
                                 {Role::kAssistant, "ok"},
                                 {Role::kUser, "More"},
                                 {Role::kAssistant, replies[i]}};
    EXPECT_EQ(later[i], model.Rewards({&transcript, 1})[0]) << replies[i];
    EXPECT_NE(later[i], rewards[i]);
  }
  // A completion without any token is read at the prompt's end.
  const CompletionGroup cut = {group.prompt, {{}}};
  const CompletionGroup whole = {{group.prompt[0]},
                                 {{group.prompt.begin() + 1, group.prompt.end()}}};
  EXPECT_EQ(model.RewardsOfTokens({&cut, 1}), model.RewardsOfTokens({&whole, 1}));
}

// Random tokens, special ones among them, that fill the context: as text they are longer.
TEST(RewardCheckpointsTest, SampledTokensAreReadAsTheyAre) {
  RewardCheckpoints model(Dirs{WriteTinyRewardModel("sampled", 3)});
  const auto tokenizer = ByteTokenizer();
  SampledReply cut;
  cut.transcript = Said("Hi", "");
  cut.prompt = model.chat().EncodePrompt({{Role::kUser, "Hi"}});
  for (auto id = static_cast<int32_t>(cut.prompt.size()); id < model.max_positions(); ++id) {
    cut.reply.push_back((id * 7) % tokenizer.vocab_size());
  }
  cut.was_cut = true;
  cut.reply[1] = *tokenizer.SpecialId("<|im_start|>");
  cut.transcript.back().content = model.chat().DecodeCompletion(cut.reply);
  EXPECT_TRUE(Contains(ErrorOf(
                           [&] {
                             model.Rewards({&cut.transcript, 1});
                           },
                           ErrorKind::kCorrupt),
                       "doesn't fit"));
  SampledReply unknown = cut, too_long = cut, short_one = cut;
  unknown.reply[0] = tokenizer.vocab_size();
  too_long.reply.push_back('a');
  short_one.reply.resize(5);
  const std::vector<SampledReply> replies = {too_long, cut, unknown, short_one};
  const auto rewards = model.RewardsOfSampled(replies, tokenizer);
  const CompletionGroup group = {cut.prompt, {cut.reply, short_one.reply}};
  const auto wanted = model.RewardsOfTokens({&group, 1});
  ASSERT_EQ(rewards.size(), 4u);
  EXPECT_TRUE(std::isnan(rewards[0]));
  EXPECT_EQ(rewards[1], wanted[0]);
  EXPECT_TRUE(std::isnan(rewards[2]));
  EXPECT_EQ(rewards[3], wanted[1]);
  EXPECT_TRUE(std::isnan(model.RewardsOfSampled({&too_long, 1}, tokenizer)[0]));
}

// Where the policy has other tokens only the text is left. One that was cut has no stop token.
TEST(RewardCheckpointsTest, OtherTokensAreReadAsText) {
  RewardCheckpoints model(Dirs{WriteTinyRewardModel("other_tokens", 3)});
  const auto other = datasets::Tokenizer::FromMerges({{'b', 'c'}}, datasets::ChatSpecialTokens());
  SampledReply whole;
  whole.transcript = Said("Hi", "abc");
  whole.prompt = {256};
  whole.reply = {'a', 256, 259};
  SampledReply cut = whole;
  cut.was_cut = true;
  SampledReply too_long = whole;
  too_long.transcript.back().content.assign(200, 'a');
  const std::vector<SampledReply> replies = {whole, cut, too_long};
  const auto rewards = model.RewardsOfSampled(replies, other);
  EXPECT_EQ(rewards[0], model.Rewards({&whole.transcript, 1})[0]);
  const CompletionGroup group = {model.chat().EncodePrompt({{Role::kUser, "Hi"}}),
                                 {{'a', 'b', 'c'}}};
  EXPECT_EQ(rewards[1], model.RewardsOfTokens({&group, 1})[0]);
  EXPECT_NE(rewards[0], rewards[1]);
  EXPECT_TRUE(std::isnan(rewards[2]));
}

TEST(RewardCheckpointsTest, MembersCombine) {
  const Dirs dirs = {WriteTinyRewardModel("member_a", 3), WriteTinyRewardModel("member_b", 4)};
  const Messages transcript = Said("Hi", "Hello");
  std::vector<double> single;
  for (const auto& dir : dirs) {
    single.push_back(RewardCheckpoints(Dirs{dir}).Rewards({&transcript, 1})[0]);
  }
  ASSERT_NE(single[0], single[1]);
  std::vector<std::string> fingerprints;
  for (const auto rule : {EnsembleRule::kMean, EnsembleRule::kWorst, EnsembleRule::kUncertainty}) {
    RewardCheckpoints both(dirs, {rule});
    EXPECT_EQ(both.Rewards({&transcript, 1})[0], CombineRewards(single, {rule}));
    fingerprints.push_back(both.fingerprint());
  }
  EXPECT_NE(fingerprints[0], fingerprints[1]);
}

TEST(RewardCheckpointsTest, RefusesWhatItCannotScore) {
  const auto dir = WriteTinyRewardModel("refuses", 3);
  RewardCheckpoints model(Dirs{dir});
  const auto error = [&](const Messages& transcript) {
    return ErrorOf([&] { model.Rewards({&transcript, 1}); }, ErrorKind::kCorrupt);
  };
  EXPECT_TRUE(Contains(error({}), "assistant's reply"));
  EXPECT_TRUE(Contains(error({{Role::kUser, "Hi"}}), "assistant's reply"));
  EXPECT_TRUE(Contains(error(Said(std::string(200, 'a'), "b")), "context of 160"));
  const auto language = WriteTinyRewardModel("refuses_language", 3, /*has_score_head=*/false);
  const auto load = [](const Dirs& dirs) {
    return ErrorOf([&] { RewardCheckpoints{dirs}; }, ErrorKind::kUsage);
  };
  EXPECT_TRUE(Contains(load({language}), "is no reward model"));
  EXPECT_NE(load({}), "");
  const auto other = WriteTinyRewardModel("refuses_other", 3);
  datasets::Tokenizer::FromMerges({{97, 98}}, datasets::ChatSpecialTokens())
      .Save(other / "tokenizer.json");
  EXPECT_TRUE(Contains(ErrorOf([&] { RewardCheckpoints{Dirs{other}}; }, ErrorKind::kCorrupt),
                       "the tokenizer has"));
}

TEST(RewardCheckpointsTest, AJudgeByItsName) {
  const std::string a = WriteTinyRewardModel("judge_a", 3).string();
  const std::string b = WriteTinyRewardModel("judge_b", 4).string();
  const auto judge = MakeJudge("reward:" + a + "," + b + "(rule=worst)");
  Question question;
  question.messages = {{Role::kUser, "Hi"}};
  RewardCheckpoints both(Dirs{a, b}, {EnsembleRule::kWorst});
  const Messages transcript = Said("Hi", "Hello");
  EXPECT_EQ(judge->Score(question, "Hello").score, both.Rewards({&transcript, 1})[0]);
  EXPECT_TRUE(std::isinf(judge->info().highest));
  const auto usage = [](const std::string& name) {
    return ErrorOf([&] { MakeJudge(name); }, ErrorKind::kUsage);
  };
  EXPECT_TRUE(Contains(usage("reward:" + a + "(rule=median)"), "median"));
  EXPECT_TRUE(Contains(usage("reward:" + a + ","), "names no directory"));
  EXPECT_NE(ErrorOf([] { MakeJudge("reward:/nowhere"); }, ErrorKind::kNotFound), "");
}

// Sixteen threads; one of them asks for what can't be scored and is told so alone.
TEST(BatchedRewardModelTest, ManyAskAtOnce) {
  const auto direct = std::make_shared<RewardCheckpoints>(Dirs{WriteTinyRewardModel("batched", 3)});
  const auto batched = MakeBatchedRewardModel(direct);
  EXPECT_EQ(batched->fingerprint(), direct->fingerprint());
  std::vector<double> rewards(16);
  std::vector<std::string> errors(16);
  {
    std::vector<std::thread> threads;
    for (size_t i = 0; i < rewards.size(); ++i) {
      threads.emplace_back([&, i] {
        for (int round = 0; round < 5; ++round) {
          const Messages transcript = i == 7 ? Messages{} : Said("Hi", std::to_string(i));
          try {
            rewards[i] = batched->Rewards({&transcript, 1})[0];
          } catch (const Error& error) {
            errors[i] = error.what();
          }
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  for (size_t i = 0; i < rewards.size(); ++i) {
    if (i == 7) {
      EXPECT_TRUE(Contains(errors[i], "assistant's reply"));
      continue;
    }
    EXPECT_EQ(errors[i], "");
    const Messages transcript = Said("Hi", std::to_string(i));
    EXPECT_EQ(rewards[i], direct->Rewards({&transcript, 1})[0]) << i;
  }
}

}  // namespace
}  // namespace agon::judge
