#include "core/regex.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/error_of.h"

namespace agon {
namespace {

TEST(RegexTest, FindsTheFirstGroupOrAllOfTheMatch) {
  const Regex grouped("answer is ([0-9]+)", "rule");
  EXPECT_TRUE(grouped.Matches("so the answer is 42."));
  EXPECT_EQ(grouped.Find("the answer is 1, no, the answer is 2"), "1");
  EXPECT_EQ(grouped.FindLast("the answer is 1, no, the answer is 2"), "2");
  EXPECT_EQ(Regex("[0-9]+", "rule").Find("a 17 b"), "17");
  EXPECT_EQ(grouped.Find("none"), std::nullopt);
  EXPECT_FALSE(Regex("ANSWER", "rule").Matches("answer"));
  EXPECT_TRUE(Regex("ANSWER", "rule", /*ignore_case=*/true).Matches("answer"));
}

TEST(RegexTest, CountsMatchesThatDontOverlap) {
  EXPECT_EQ(Regex("aa", "rule").Count("aaaaa", 100), 2);
  EXPECT_EQ(Regex("a", "rule").Count("aaaaa", 3), 3);
  EXPECT_EQ(Regex("x*", "rule").Count("ab", 100), 3);  // empty ones: before a, before b, at the end
  EXPECT_EQ(Regex("(a)|b", "rule").Find("b"), "");     // a group without a part in the match
}

TEST(RegexTest, ABadPatternIsNamedWithItsPlace) {
  for (const char* pattern : {"(", "(a)\\1", "(?=a)", "((a{100}){100}){100}"}) {
    const auto compile = [&] { Regex(pattern, "rubric.toml rule \"x\""); };
    EXPECT_TRUE(Contains(ErrorOf(compile, ErrorKind::kUsage), "rubric.toml rule \"x\"")) << pattern;
  }
}

// Backtracking engines need 2^n steps here, or a stack as deep as the text is long.
TEST(RegexTest, HostileTextTakesLinearTime) {
  const std::string text(200000, 'a');
  EXPECT_FALSE(Regex("(a*)*b$", "rule").Matches(text));
  EXPECT_FALSE(Regex("(a|aa)+$x", "rule").Matches(text));
  EXPECT_FALSE(Regex("x", "rule").Matches("\xff\xfe\x80"));
}

}  // namespace
}  // namespace agon
