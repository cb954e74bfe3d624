#include "datasets/clean.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/repeat.h"

namespace agon::datasets {
namespace {

TEST(CleanTest, ReplacesInvalidBytesByRuns) {
  EXPECT_EQ(ReplaceInvalidUtf8("na\u00efve"), "na\u00efve");
  EXPECT_EQ(ReplaceInvalidUtf8("a\xFF\xFE\x80z"), "a\uFFFDz");
  EXPECT_EQ(ReplaceInvalidUtf8("\xC3"), "\uFFFD");
  EXPECT_EQ(ReplaceInvalidUtf8("\xED\xA0\x80 \xC3\xA9"), "\uFFFD \u00e9");  // a surrogate
  EXPECT_EQ(ReplaceInvalidUtf8(""), "");
}

TEST(CleanTest, KnowsValidUtf8) {
  for (const char* text : {"", "plain", "\u00e9", "\u20ac", "\U0001F600", "\uD7FF", "\uE000",
                           "\U0010FFFF", "\xC2\x80", "\xE0\xA0\x80", "\xF0\x90\x80\x80"}) {
    EXPECT_TRUE(IsValidUtf8(text)) << text;
  }
  for (const char* text :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xE0\x9F\xBF", "\xE2\x82", "\xED\xA0\x80",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "a\xE2\x28\xA1"}) {
    EXPECT_FALSE(IsValidUtf8(text)) << text;
  }
}

std::string Cleaned(std::string text) {
  const std::string reason = CleanText(text);
  return reason.empty() ? text : "dropped: " + reason;
}

TEST(CleanTest, KeepsTextAndDropsNoise) {
  EXPECT_EQ(Cleaned("a\r\nb\rc\n"), "a\nb\nc");
  EXPECT_EQ(Cleaned("\xEF\xBB\xBFtext"), "text");
  EXPECT_EQ(Cleaned("a\x07"
                    "b\x1B[0m\x7F"),
            "ab[0m");
  EXPECT_EQ(Cleaned("a\xC2\x85"
                    "b\xC2\xA0"
                    "c"),
            "ab\xC2\xA0"
            "c");
  EXPECT_EQ(Cleaned("\n\n    indented\n  more  \n\n"), "    indented\n  more");
  EXPECT_EQ(Cleaned("tab\tstays"), "tab\tstays");
}

TEST(CleanTest, SaysWhyItDrops) {
  EXPECT_EQ(Cleaned(std::string("a\0b", 3)), "dropped: binary");
  EXPECT_EQ(Cleaned("a\xFF"), "dropped: invalid UTF-8");
  EXPECT_EQ(Cleaned(" \n\t\r\n"), "dropped: empty");
  EXPECT_EQ(Cleaned(""), "dropped: empty");
  EXPECT_EQ(Cleaned("\x01\x02"), "dropped: empty");
}

TEST(CleanTest, FiltersWhatIsNotProse) {
  const std::string prose =
      "The quick brown fox jumps over the lazy dog while everybody else looks on.";
  EXPECT_STREQ(CheckProse(prose), "");
  EXPECT_STREQ(CheckProse("Only a few words here."), "too short");
  EXPECT_STREQ(CheckProse(""), "too short");
  EXPECT_STREQ(CheckProse(Repeat("a b ", 10)), "word length");
  EXPECT_STREQ(CheckProse(Repeat("Donaudampfschiffahrtsgesellschaft ", 10)), "word length");
  EXPECT_STREQ(CheckProse(Repeat("some #tag and #more tags of all kinds ", 4)), "symbols");
  EXPECT_STREQ(CheckProse(Repeat("1234 5678 91011 word ", 5)), "few letters");
  EXPECT_STREQ(CheckProse(Repeat("spam spam ", 40)), "repeated word");
  EXPECT_STREQ(CheckProse("- first of all\n- second of them\n* third of those\n- the fourth"),
               "list");
  EXPECT_STREQ(CheckProse(Repeat(prose + "\n", 3)), "repeated lines");
}

TEST(CleanTest, HashSeesWordsOnly) {
  const TextHash hash = HashNormalizedText("Some text\nof two lines");
  EXPECT_EQ(HashNormalizedText("  some TEXT of\t two\n\nlines "), hash);
  EXPECT_NE(HashNormalizedText("Some text\nof two line"), hash);
  EXPECT_NE(HashNormalizedText("Sometext\nof two lines"), hash);
}

TEST(CleanTest, HashTellsLengthsAndBlocksApart) {
  std::set<TextHash> hashes;
  for (size_t length = 0; length < 100; ++length) {
    hashes.insert(HashNormalizedText(std::string(length, 'x')));
    hashes.insert(HashNormalizedText(std::string(length, 'x') + "y"));
  }
  EXPECT_EQ(hashes.size(), 200u);
}

}  // namespace
}  // namespace agon::datasets
