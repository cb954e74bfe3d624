#include "judge/completion_groups.h"

#include <gtest/gtest.h>

namespace agon::judge {
namespace {

using Tokens = std::vector<int32_t>;

TEST(CompletionGroups, AreSplitWhereTheyDoNotFitOnePass) {
  const std::vector<CompletionGroup> groups = {{{1, 2}, {{3, 4}, {5}, {6, 7, 8, 9, 10}, {}, {}}},
                                               {{11}, {{12}}}};
  const auto split = SplitGroups(groups, 5);
  ASSERT_EQ(split.size(), 4u);
  EXPECT_EQ(split[0].completions, (std::vector<Tokens>{{3, 4}, {5}}));
  EXPECT_EQ(split[1].completions, (std::vector<Tokens>{{6, 7, 8, 9, 10}}));  // never cut
  EXPECT_EQ(split[2].completions, (std::vector<Tokens>{{}, {}}));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(split[static_cast<size_t>(i)].prompt, (Tokens{1, 2}));
  EXPECT_EQ(split[3].prompt, Tokens{11});
  const auto whole = SplitGroups(groups, 100);
  ASSERT_EQ(whole.size(), 2u);
  EXPECT_EQ(whole[0].completions, groups[0].completions);
}

TEST(CompletionGroups, ABatchHasNoMoreRowsThanItMayHaveTokens) {
  const std::vector<CompletionGroup> groups(3, {{1}, {{}, {}, {}}});
  const auto batches = PackForValues(groups, 8);
  ASSERT_EQ(batches.size(), 2u);
  EXPECT_EQ(batches[0].packed.rows, (std::vector<int32_t>{0, 0, 0, 1, 1, 1}));
  EXPECT_EQ(batches[0].packed.tokens.size(), 2u);
}

}  // namespace
}  // namespace agon::judge
