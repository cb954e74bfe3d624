// A text answer is found like any other, and a heading behind it contradicts it.
#include "envs/text/text_answer.h"

#include <gtest/gtest.h>

namespace agon::envs {
namespace {

TEST(TextAnswerTest, HeadingsContradictOnlyBehindTheAnswer) {
  EXPECT_EQ(ExtractText("Answer: Tarn").text, "Tarn");
  EXPECT_EQ(ExtractText("#### Thoughts\nAnswer: Tarn").text, "Tarn");
  EXPECT_EQ(ExtractText("#### Thoughts\n\\boxed{Tarn}").text, "Tarn");
  EXPECT_EQ(ExtractText("Answer: Tarn\n#### tarn.").text, "Tarn");
  EXPECT_EQ(ExtractText("Answer: Tarn\n#### Osko").problem, "two answers");
  EXPECT_EQ(ExtractText("Answer: Tarn\n####").problem, "two answers");
  EXPECT_EQ(ExtractText("ANSWER: Tarn\n#### Osko\nanswer: Osko").text, "Osko");
  EXPECT_EQ(ExtractText("").problem, "no answer");
}

TEST(TextAnswerTest, PlainTextForgetsCaseSpacesAndAFullStop) {
  EXPECT_EQ(PlainText("  The \t Old\n Town. "), "the old town");
  EXPECT_EQ(PlainText("a.b."), "a.b");
  EXPECT_EQ(PlainText("."), "");
  EXPECT_NE(PlainText("ab"), PlainText("a b"));
}

}  // namespace
}  // namespace agon::envs
