#include "envs/math/extract.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>

namespace agon::envs {
namespace {

std::string Extract(std::string_view text) { return ExtractAnswer(text).text; }

TEST(ExtractAnswerTest, FindsEachMarker) {
  const std::pair<const char*, const char*> cases[] = {
      {"Answer: 5", "5"},
      {"answer:5", "5"},
      {"3+2=5\nANSWER:  5  \n", "5"},
      {"The final answer: 5 apples.", "5 apples."},
      {"#### 42", "42"},
      {"3+2=5\n#### 5", "5"},
      {"so \\boxed{7}", "7"},
      {"$\\boxed{7}$.", "7"},
      {"\\boxed{\\frac{1}{2}}", "\\frac{1}{2}"},
      {"\\boxed{\\boxed{7}}", "7"},
      {"**Answer: 5**", "5"},
      {"**Answer:** 5", "5"},
      {"Answer: `5`", "5"},
      {"Answer: $13", "$13"},
      {"Answer: $13$", "$13"},
      {"Answer: \\boxed{5}", "5"},
      {"#### Answer: 5", "5"},
      {"Answer: (8-5)*4", "(8-5)*4"},
      {"Answer: 5\nThank you.", "5"},
      {"#### Step 1\nadd\nAnswer: 5", "5"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(Extract(text), expected) << text;
}

TEST(ExtractAnswerTest, WithoutAMarkerThereIsNoAnswer) {
  for (const char* text : {"", "5", "the answer is 5", "Answer 5", "Answer:", "Answer:   \n5",
                           "####", "### 5", "\\boxed{", "\\boxed{5", "\\boxed 5", "boxed{5}",
                           "Nonanswer: 5", "\\boxed{}", "Answer : 5"}) {
    EXPECT_EQ(Extract(text), "") << text;
    EXPECT_EQ(ExtractAnswer(text).problem, "no answer") << text;
  }
}

TEST(ExtractAnswerTest, TheLastAnswerOfAMarkerCounts) {
  EXPECT_EQ(Extract("Answer: 4\nNo.\nAnswer: 5"), "5");
  EXPECT_EQ(Extract("#### 4\n#### 5"), "5");
  EXPECT_EQ(Extract("Answer: Answer: 5"), "5");
}

TEST(ExtractAnswerTest, TwoAnswersAreNone) {
  for (const char* text : {"\\boxed{4} \\boxed{5}", "\\boxed{5}\nAnswer: 4", "#### 5\nAnswer: 4",
                           "Answer: 5\n#### 4", "\\boxed{4}\\boxed{5}\\boxed{4}",
                           "{\\boxed{4}} or {\\boxed{5}}", "\\boxed{\\boxed{4} \\boxed{5}}"}) {
    EXPECT_EQ(Extract(text), "") << text;
    EXPECT_EQ(ExtractAnswer(text).problem, "two answers") << text;
  }
}

TEST(ExtractAnswerTest, TheSameAnswerTwiceIsOne) {
  EXPECT_EQ(Extract("\\boxed{5} so \\boxed{5}"), "5");
  EXPECT_EQ(Extract("\\boxed{5}\nAnswer: 5.0"), "5.0");
  EXPECT_EQ(Extract("#### 1,000\nAnswer: 1000"), "1000");
}

TEST(ExtractAnswerTest, HedgesStayVisibleForTheVerifier) {
  EXPECT_EQ(Extract("Answer: 3 or 4"), "3 or 4");
  EXPECT_EQ(Extract("\\boxed{3, 4}"), "3, 4");
}

TEST(ExtractAnswerTest, ThinkingDoesNotCount) {
  EXPECT_EQ(Extract("<think>Answer: 4</think>\nAnswer: 5"), "5");
  EXPECT_EQ(Extract("<think>Answer: 4</think>"), "");
  EXPECT_EQ(Extract("<think>Answer: 4"), "");
  EXPECT_EQ(Extract("Answer: 4</think>"), "") << "the prompt may have opened the thought";
  EXPECT_EQ(Extract("<think>a</think>Answer: 5<think>Answer: 4"), "5");
  EXPECT_EQ(Extract("<think><think>\\boxed{4}</think>\\boxed{5}"), "5");
  EXPECT_EQ(Extract("Answer: 4 <think>x</think>"), "") << "an answer follows the thought";
}

TEST(ExtractAnswerTest, LongAnswersAreNone) {
  EXPECT_EQ(Extract("Answer: " + std::string(200, '1')).size(), 200u);
  EXPECT_EQ(ExtractAnswer("Answer: " + std::string(201, '1')).problem, "too long");
  EXPECT_EQ(ExtractAnswer("\\boxed{" + std::string(300, '1') + "}").problem, "too long");
}

TEST(ExtractAnswerTest, BytesOfAnyKindAreKept) {
  EXPECT_EQ(Extract(std::string("Answer: 5\0006", 11)), std::string("5\0006", 3));
  EXPECT_EQ(Extract("\xff\xfe\nAnswer: \xc3(5"), "\xc3(5");
}

TEST(ExtractAnswerTest, IsLinearInHostileInput) {
  for (const std::string unit :
       {"\\boxed{", "{", "}", "\\boxed{}", "\\boxed{1}", "answer:", "answer: 5\n", "####", "#",
        "<think>", "</think>", "aaaaaaaa", "\\boxed{{", "\\boxed{\\boxed{1}"}) {
    std::string text;
    while (text.size() < 1 << 20) text += unit;
    const auto start = std::chrono::steady_clock::now();
    ExtractAnswer(text);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    // Linear work takes milliseconds; quadratic work on 1 MB would take minutes.
    EXPECT_LT(elapsed.count(), 2.0) << unit;
  }
}

}  // namespace
}  // namespace agon::envs
