#include "datasets/pretokenize.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/rng.h"

namespace agon::datasets {
namespace {

using Words = std::vector<std::string>;

Words Split(std::string_view text) {
  Words words;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = PretokenEnd(text, begin);
    EXPECT_GT(end, begin);
    EXPECT_LE(end, text.size());
    words.emplace_back(text.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

// Worked out by hand from the regular expression in pretokenize.h.
TEST(Pretokenize, WordsTakeTheSpaceBeforeThem) {
  EXPECT_EQ(Split("hello world"), (Words{"hello", " world"}));
  EXPECT_EQ(Split(" a b"), (Words{" a", " b"}));
  EXPECT_EQ(Split("\ta"), (Words{"\ta"}));
  EXPECT_EQ(Split(""), (Words{}));
}

TEST(Pretokenize, NumbersAreSingleDigitsWithoutTheSpace) {
  EXPECT_EQ(Split("in 2024"), (Words{"in", " ", "2", "0", "2", "4"}));
  EXPECT_EQ(Split("a1b"), (Words{"a", "1", "b"}));
  EXPECT_EQ(Split("²½Ⅷ"), (Words{"²", "½", "Ⅷ"}));
  EXPECT_EQ(Split("  7"), (Words{" ", " ", "7"}));
}

TEST(Pretokenize, Contractions) {
  EXPECT_EQ(Split("it's we'll I'M"), (Words{"it", "'s", " we", "'ll", " I", "'M"}));
  EXPECT_EQ(Split("they'RE I'Ve he'd don't"),
            (Words{"they", "'RE", " I", "'Ve", " he", "'d", " don", "'t"}));
  // The contraction wins even in the middle of a word.
  EXPECT_EQ(Split("'stop"), (Words{"'s", "top"}));
  EXPECT_EQ(Split("'rest"), (Words{"'re", "st"}));
  EXPECT_EQ(Split("'lx"), (Words{"'lx"}));
  EXPECT_EQ(Split("'"), (Words{"'"}));
  EXPECT_EQ(Split("'r"), (Words{"'r"}));
  EXPECT_EQ(Split("''s"), (Words{"''", "s"}));
  EXPECT_EQ(Split(" 's"), (Words{" '", "s"}));
  EXPECT_EQ(Split("'\xc5\xbfx"), (Words{"'\xc5\xbf", "x"}));  // long s folds to s
}

TEST(Pretokenize, OneSymbolJoinsTheWordAfterIt) {
  EXPECT_EQ(Split("(abc)"), (Words{"(abc", ")"}));
  EXPECT_EQ(Split("((abc"), (Words{"((", "abc"}));
  EXPECT_EQ(Split("a_b"), (Words{"a", "_b"}));
  EXPECT_EQ(Split("x += 1"), (Words{"x", " +=", " ", "1"}));
}

TEST(Pretokenize, SymbolsTakeTheLineBreaksAfterThem) {
  EXPECT_EQ(Split("end.\n\nNext"), (Words{"end", ".\n\n", "Next"}));
  EXPECT_EQ(Split("{\r\n  x"), (Words{"{\r\n", " ", " x"}));
  EXPECT_EQ(Split(" !\n"), (Words{" !\n"}));
}

TEST(Pretokenize, WhitespaceEndsAtTheLastLineBreak) {
  EXPECT_EQ(Split("a \n \n  b"), (Words{"a", " \n \n", " ", " b"}));
  EXPECT_EQ(Split("a\n"), (Words{"a", "\n"}));
  EXPECT_EQ(Split("a   "), (Words{"a", "   "}));
  EXPECT_EQ(Split("a   b"), (Words{"a", "  ", " b"}));
  EXPECT_EQ(Split("a\t\t!"), (Words{"a", "\t", "\t", "!"}));
  EXPECT_EQ(Split("\n\n"), (Words{"\n\n"}));
  EXPECT_EQ(Split("\n x"), (Words{"\n", " x"}));
}

TEST(Pretokenize, Unicode) {
  EXPECT_EQ(Split("naïve café"), (Words{"naïve", " café"}));
  EXPECT_EQ(Split("日本語。次"), (Words{"日本語", "。次"}));
  EXPECT_EQ(Split("안녕 세계"), (Words{"안녕", " 세계"}));
  EXPECT_EQ(Split("hi 👍🏽!"), (Words{"hi", " 👍🏽!"}));
  EXPECT_EQ(Split("a\u00a0b"), (Words{"a", "\u00a0b"}));  // no-break space, then a letter
  EXPECT_EQ(Split("a\u3000\u3000b"), (Words{"a", "\u3000", "\u3000b"}));
  EXPECT_EQ(Split("e\u0301x"), (Words{"e", "\u0301x"}));      // a mark is no letter
  EXPECT_EQ(Split("\u0085 0"), (Words{"\u0085", " ", "0"}));  // U+0085 is white space
  EXPECT_EQ(Split("\u2028\n"), (Words{"\u2028\n"}));
}

TEST(Pretokenize, InvalidUtf8IsASymbol) {
  EXPECT_EQ(Split("\xff\xfe"), (Words{"\xff\xfe"}));
  EXPECT_EQ(Split("a\x80"
                  "b"),
            (Words{"a",
                   "\x80"
                   "b"}));
  EXPECT_EQ(Split("a\xe6\x97"), (Words{"a", "\xe6\x97"}));            // cut short
  EXPECT_EQ(Split("\xed\xa0\x80x"), (Words{"\xed\xa0\x80", "x"}));    // surrogate
  EXPECT_EQ(Split("\xc1\xa1z"), (Words{"\xc1\xa1", "z"}));            // overlong
  EXPECT_EQ(Split("\xf4\x90\x80\x80"), (Words{"\xf4\x90\x80\x80"}));  // above U+10FFFF
}

TEST(Pretokenize, Utf8Length) {
  EXPECT_EQ(Utf8Length("a", 0), 1);
  EXPECT_EQ(Utf8Length(std::string_view("\0", 1), 0), 1);
  EXPECT_EQ(Utf8Length("é", 0), 2);
  EXPECT_EQ(Utf8Length("é", 1), 0);
  EXPECT_EQ(Utf8Length("語", 0), 3);
  EXPECT_EQ(Utf8Length("👍", 0), 4);
  EXPECT_EQ(Utf8Length("\xf0\x9f\x91", 0), 0);
  EXPECT_EQ(Utf8Length("\xe0\x80\x80", 0), 0);
  EXPECT_EQ(Utf8Length("", 0), 0);
}

TEST(Pretokenize, CoversRandomBytes) {
  Rng rng(RngKey{.run_seed = 1});
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (int i = 0; i < 100; ++i) text += static_cast<char>(rng.Below(256));
    std::string joined;
    for (const std::string& word : Split(text)) joined += word;
    ASSERT_EQ(joined, text);
  }
}

}  // namespace
}  // namespace agon::datasets
