#include "envs/answer_match.h"

#include <gtest/gtest.h>

#include <string>

#include "core/error.h"
#include "tests/error_of.h"

namespace agon::envs {
namespace {

bool Right(AnswerMatch how, std::string_view gold, std::string_view response) {
  const MatchedAnswer match = MatchAnswer(how, gold, response);
  EXPECT_FALSE(match.reason.empty());
  return match.correct;
}

TEST(AnswerMatchTest, MathComparesByValueWithOrWithoutAMarker) {
  EXPECT_TRUE(Right(AnswerMatch::kMath, "1/2", "So it is \\boxed{0.5}."));
  EXPECT_TRUE(Right(AnswerMatch::kMath, "72", "72"));
  EXPECT_TRUE(Right(AnswerMatch::kMath, "... #### 72", "<think>71</think> 72"));
  EXPECT_FALSE(Right(AnswerMatch::kMath, "72", "it is 72\nor more\n"));  // no marker, not bare
  EXPECT_FALSE(Right(AnswerMatch::kMath, "9.9", "9.11"));
}

TEST(AnswerMatchTest, NumberTakesTheLastOne) {
  EXPECT_TRUE(Right(AnswerMatch::kNumber, "72", "First 48, then 24, that makes 72 clips."));
  EXPECT_TRUE(Right(AnswerMatch::kNumber, "1234.5", "about 3, in all $1,234.50"));
  EXPECT_TRUE(Right(AnswerMatch::kNumber, "-3", "from 5 to -3."));
  EXPECT_TRUE(Right(AnswerMatch::kNumber, "0.75", "3/4"));
  EXPECT_TRUE(Right(AnswerMatch::kNumber, "3", "pages 2-3"));  // a dash between words
  EXPECT_FALSE(Right(AnswerMatch::kNumber, "72", "72, no, 73"));
  EXPECT_FALSE(Right(AnswerMatch::kNumber, "72", "seventy-two"));
  EXPECT_FALSE(Right(AnswerMatch::kNumber, "72", std::string(100000, '7')));
}

TEST(AnswerMatchTest, ChoiceIsOneLetter) {
  for (const char* response : {"B", "(B)", "b.", "Answer: B", "**Answer: (B)**", "\\boxed{B}",
                               "B) because of frogs", "I think (B) is right.\nYes."}) {
    EXPECT_TRUE(Right(AnswerMatch::kChoice, "B", response)) << response;
    EXPECT_TRUE(Right(AnswerMatch::kAuto, "B", response)) << response;
  }
  for (const char* response : {"A", "A or B", "(A) or (B)", "A boat is a boat", "Answer: none",
                               "Because", "<think>B</think>", "", "K"}) {
    EXPECT_FALSE(Right(AnswerMatch::kChoice, "B", response)) << response;
  }
  EXPECT_FALSE(Right(AnswerMatch::kChoice, "A", "A boat is a boat"));
}

TEST(AnswerMatchTest, ExactAndContained) {
  EXPECT_TRUE(Right(AnswerMatch::kExact, "New York", "new  york."));
  EXPECT_TRUE(Right(AnswerMatch::kExact, "New York", "It's big.\nAnswer: New York"));
  EXPECT_FALSE(Right(AnswerMatch::kExact, "New York", "in New York"));
  EXPECT_TRUE(Right(AnswerMatch::kContained, "New York", "It is in\nnew york, USA"));
  EXPECT_FALSE(Right(AnswerMatch::kContained, "cat", "concatenate"));
  EXPECT_TRUE(Right(AnswerMatch::kContained, "cat", "concatenate a cat"));
  EXPECT_FALSE(Right(AnswerMatch::kContained, "cat", "<think>cat</think>dog"));
}

TEST(AnswerMatchTest, AGoldThatCantBeComparedIsTheCallersMistake) {
  for (const auto& gold : {std::pair{AnswerMatch::kAuto, " "},
                           {AnswerMatch::kNumber, "many"},
                           {AnswerMatch::kChoice, "Zebra"},
                           {AnswerMatch::kContained, "."}}) {
    EXPECT_NE(ErrorOf([&] { MatchAnswer(gold.first, gold.second, "1"); }, ErrorKind::kUsage), "")
        << gold.second;
  }
  EXPECT_TRUE(Contains(ErrorOf([] { AnswerMatchFromName("chioce"); }, ErrorKind::kUsage),
                       "did you mean \"choice\""));
}

}  // namespace
}  // namespace agon::envs
