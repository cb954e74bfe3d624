#include "trainer/pack.h"

#include <gtest/gtest.h>

namespace agon::trainer {
namespace {

// A rollout with `prompt` and sampled tokens; 0 in `mask` marks text of the environment.
Rollout MakeRollout(std::vector<int32_t> prompt, std::vector<int32_t> rest,
                    std::vector<uint8_t> mask) {
  Rollout rollout;
  auto& t = rollout.trajectory;
  t.prompt_tokens = static_cast<int>(prompt.size());
  t.tokens = std::move(prompt);
  t.tokens.insert(t.tokens.end(), rest.begin(), rest.end());
  t.action_mask.assign(static_cast<size_t>(t.prompt_tokens), 0);
  t.action_mask.insert(t.action_mask.end(), mask.begin(), mask.end());
  for (size_t i = 0; i < t.tokens.size(); ++i) {
    t.rollout_logprobs.push_back(t.action_mask[i] ? -static_cast<float>(t.tokens[i]) : 0.0f);
  }
  return rollout;
}

TEST(Pack, StoresAPromptOnceAndTrainsTheStopToken) {
  const std::vector<Group> groups = {
      {MakeRollout({1, 2, 3}, {4, 5, 9}, {1, 1, 1}), MakeRollout({1, 2, 3}, {9}, {1})}};
  const auto batches = PackGroups(groups, 100, 0.5f);
  ASSERT_EQ(batches.size(), 1u);
  const auto& b = batches[0];
  EXPECT_EQ(b.packed.temperature, 0.5f);
  // The stop token 9 is a target; nothing follows it, so it isn't fed.
  EXPECT_EQ(b.packed.tokens, (std::vector<int32_t>{1, 2, 3, 4, 5}));
  EXPECT_EQ(b.packed.targets, (std::vector<int32_t>{4, 5, 9, 9}));
  EXPECT_EQ(b.packed.rows, (std::vector<int32_t>{2, 3, 4, 2}));
  EXPECT_EQ(b.offsets, (std::vector<int32_t>{0, 3, 4}));
  ASSERT_EQ(b.packed.segments.size(), 2u);
  EXPECT_EQ(b.packed.segments[1].prefix_begin, 0);
  EXPECT_EQ(b.packed.segments[1].prefix_length, 3);
  EXPECT_EQ(b.rollout_logprobs, (std::vector<float>{-4, -5, -9, -9}));
}

TEST(Pack, TokensOfTheEnvironmentAreFedButNotScored) {
  const std::vector<Group> groups = {{MakeRollout({1}, {4, 7, 8, 5, 9}, {1, 0, 0, 1, 1})}};
  const auto batches = PackGroups(groups, 100, 1.0f);
  EXPECT_EQ(batches[0].packed.tokens, (std::vector<int32_t>{1, 4, 7, 8, 5}));
  EXPECT_EQ(batches[0].packed.targets, (std::vector<int32_t>{4, 5, 9}));
  EXPECT_EQ(batches[0].packed.rows, (std::vector<int32_t>{0, 3, 4}));
}

TEST(Pack, KeepsGroupsWholeWhereTheyFit) {
  std::vector<Group> groups;
  for (int i = 0; i < 3; ++i) {
    groups.push_back({MakeRollout({1, 2}, {3, 4, 5}, {1, 1, 1}),
                      MakeRollout({1, 2}, {6, 7, 8}, {1, 1, 1})});  // 2 + 2 + 2 tokens
  }
  const auto batches = PackGroups(groups, 12, 1.0f);
  ASSERT_EQ(batches.size(), 2u);
  EXPECT_EQ(batches[0].rollouts.size(), 4u);
  EXPECT_EQ(batches[1].rollouts.size(), 2u);
}

TEST(Pack, CutsABigGroupBetweenTrajectoriesAndRepeatsThePrompt) {
  Group group;
  for (int i = 0; i < 5; ++i) group.push_back(MakeRollout({1, 2}, {3, 4, 5}, {1, 1, 1}));
  const std::vector<Group> groups = {group};
  const auto batches = PackGroups(groups, 6, 1.0f);
  ASSERT_EQ(batches.size(), 3u);
  size_t rollouts = 0;
  for (const auto& b : batches) {
    EXPECT_LE(b.packed.tokens.size(), 6u);
    EXPECT_EQ(b.packed.segments[0].prefix_length, 0);
    rollouts += b.rollouts.size();
  }
  EXPECT_EQ(rollouts, 5u);
}

// One sampled token feeds nothing, but is scored: memory is planned for as many as tokens.
TEST(Pack, ABatchScoresNoMoreThanItMayFeed) {
  Group group;
  for (int i = 0; i < 10; ++i) group.push_back(MakeRollout({1, 2}, {9}, {1}));
  const std::vector<Group> groups = {group};
  const auto batches = PackGroups(groups, 4, 1.0f);
  ASSERT_EQ(batches.size(), 3u);
  for (const auto& b : batches) EXPECT_EQ(b.packed.tokens, (std::vector<int32_t>{1, 2}));
  EXPECT_EQ(batches[0].packed.rows.size(), 4u);
  EXPECT_EQ(batches[2].packed.rows.size(), 2u);
}

TEST(Pack, PromptsThatDifferStandEachForItself) {
  const std::vector<Group> groups = {{MakeRollout({1, 2}, {3, 9}, {1, 1}),
                                      MakeRollout({1, 2}, {4, 9}, {1, 1}),
                                      MakeRollout({1, 5}, {6, 9}, {1, 1})}};
  const auto batches = PackGroups(groups, 100, 1.0f);
  ASSERT_EQ(batches.size(), 1u);
  const auto& b = batches[0];
  EXPECT_EQ(b.packed.tokens, (std::vector<int32_t>{1, 2, 3, 4, 1, 5, 6}));
  EXPECT_EQ(b.packed.targets, (std::vector<int32_t>{3, 9, 4, 9, 6, 9}));
  EXPECT_EQ(b.packed.rows, (std::vector<int32_t>{1, 2, 1, 3, 5, 6}));
  EXPECT_EQ(b.packed.segments.back().prefix_begin, 4);
  EXPECT_EQ(PackGroups(groups, 4, 1.0f).size(), 2u) << "the second prompt counts, too";
}

TEST(Pack, SequencesScoreMaskedTargetsOnly) {
  const std::vector<MaskedSequence> sequences = {{{1, 2, 3, 4}, {0, 0, 1, 1}},
                                                 {{5}, {1}},  // nothing to predict
                                                 {{6, 7}, {1, 1}}};
  const auto batches = PackSequences(sequences, 10);
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_EQ(batches[0].tokens, (std::vector<int32_t>{1, 2, 3, 6}));
  EXPECT_EQ(batches[0].rows, (std::vector<int32_t>{1, 2, 3}));
  EXPECT_EQ(batches[0].targets, (std::vector<int32_t>{3, 4, 7}));
}

TEST(Pack, SequencesFillMicroBatchesInOrder) {
  std::vector<MaskedSequence> sequences(5, {{1, 2, 3, 4, 5}, {1, 1, 1, 1, 1}});
  const auto batches = PackSequences(sequences, 8);  // 4 tokens fed each
  ASSERT_EQ(batches.size(), 3u);
  EXPECT_EQ(batches[0].segments.size(), 2u);
  EXPECT_EQ(batches[2].segments.size(), 1u);
}

}  // namespace
}  // namespace agon::trainer
