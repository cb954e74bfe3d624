#include "envs/math/grade.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "tests/envs/boxed_grade.h"
#include "tests/paths.h"

namespace agon::envs {
namespace {

// --- Where the answer stands ------------------------------------------------------------

TEST(MathGradeTest, EveryMarkerCounts) {
  for (const char* response :
       {"\\boxed{72}", "so\n#### 72", "Answer: 72", "answer: 72.", "#### 72.", "**Answer:** $72$",
        "Answer: \\(72\\)", "$\\boxed{72}$\nAnswer: 72 clips", "Answer: 70 no\nAnswer: 72",
        "Final Answer: The final answer is $72$. I hope it is correct.",
        "\\boxed{70+2} so\n#### 72", "\\boxed{72} and again \\boxed{72.0}"}) {
    const MathGrade grade = GradeMath("72", response);
    EXPECT_TRUE(grade.correct) << response << ": " << grade.reason;
    EXPECT_EQ(grade.reason, "right");
    EXPECT_FALSE(grade.extracted.empty());
  }
}

TEST(MathGradeTest, FormulasStandBehindEveryMarkerToo) {
  for (const char* response : {"#### \\frac{1}{2}", "#### x=0.5", "Answer: $\\frac12$",
                               "# Steps\n#### First\nAnswer: 1/2", "#### 1/2\nAnswer: 0.5"}) {
    EXPECT_TRUE(GradeMath("0.5", response).correct) << response;
  }
  EXPECT_TRUE(GradeMath("Tuesday", "#### tuesday").correct);
}

TEST(MathGradeTest, WithoutASingleAnswerItIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "no answer"},
      {"72", "no answer"},
      {"the answer is 72", "no answer"},
      {"\\boxed{72", "no answer"},
      {"\\boxed{}", "no answer"},
      {"<think>\\boxed{72}</think>", "no answer"},
      {"<think>\\boxed{72}", "no answer"},
      {"\\boxed{72} <think>hm</think>", "no answer"},
      {"\\boxed{72} or \\boxed{73}", "two answers"},
      {"\\boxed{73} no, \\boxed{72}", "two answers"},
      {"\\boxed{x+1} or \\boxed{x+2}", "two answers"},
      {"\\boxed{72}\nAnswer: 73", "two answers"},
      {"#### 73\nAnswer: 72", "two answers"},
      {"\\boxed{72}\nAnswer: x", "two answers"},
  };
  for (const auto& [response, reason] : cases) {
    const MathGrade grade = GradeMath("72", response);
    EXPECT_FALSE(grade.correct) << response;
    EXPECT_EQ(grade.reason, reason) << response;
    EXPECT_EQ(grade.extracted, "") << response;
  }
}

TEST(MathGradeTest, OnlyTheAnswerBehindTheThoughtCounts) {
  EXPECT_TRUE(GradeMath("72", "<think>\\boxed{5}</think> \\boxed{72}").correct);
  EXPECT_FALSE(GradeMath("5", "<think>\\boxed{5}</think> \\boxed{72}").correct);
}

TEST(MathGradeTest, BoxesAreTheElementsOfAWantedSet) {
  EXPECT_TRUE(GradeMath("\\{-2,1\\}", "$\\boxed{1}$ and $\\boxed{-2}$").correct);
  EXPECT_TRUE(GradeMath("-2,1", "$\\boxed{1}$ and $\\boxed{-2}$").correct);
  EXPECT_TRUE(GradeMath("\\boxed{1} and \\boxed{-2}", "$\\boxed{-2, 1}$").correct);
  EXPECT_TRUE(GradeMath("\\{-2,1\\}", "$\\boxed{1, -2}$ hence $\\boxed{\\{-2, 1\\}}$").correct);
  EXPECT_FALSE(GradeMath("\\{-2,1\\}", "\\boxed{1} \\boxed{-2} \\boxed{3}").correct);
  EXPECT_FALSE(GradeMath("\\{-2,1\\}", "\\boxed{1}").correct);
  EXPECT_FALSE(GradeMath("(-2,1)", "\\boxed{-2} \\boxed{1}").correct) << "a pair is no set";
  EXPECT_FALSE(GradeMath("1", "\\boxed{1} \\boxed{-2}").correct);
}

TEST(MathGradeTest, HedgesAreWrong) {
  for (const char* answer : {"5 or 6",
                             "5, 6",
                             "5/6",
                             "5 and 6",
                             "5 6",
                             "5=6",
                             "x=5=6",
                             "\\pm 5",
                             "5 (or 6)",
                             "not 5",
                             "5\\text{ or six}",
                             "5 or six",
                             "5 six",
                             "5\\text{ not}",
                             "5\\text{ but maybe }6",
                             "5\\text{ (not 6)}",
                             "5 twenty-six",
                             "\\{5,6\\}",
                             "5\\approx6 \\text{ or }6",
                             "[5,6]",
                             "5;6",
                             "4<5<6",
                             "x\\in\\{5,6\\}"}) {
    EXPECT_FALSE(GradeBoxed("5", answer).correct) << answer;
    EXPECT_FALSE(GradeBoxed("6", answer).correct) << answer;
  }
}

// --- Golds ------------------------------------------------------------------------------

TEST(MathGradeTest, AGoldMayBeAWholeSolution) {
  EXPECT_TRUE(GradeMath("48/2 = 24.\n48+24 = 72.\n#### 72", "\\boxed{72}").correct);
  EXPECT_TRUE(GradeMath("#### 1,080", "Answer: 1080").correct);
  EXPECT_TRUE(GradeMath("It is $\\boxed{\\frac12}$.", "\\boxed{0.5}").correct);
  EXPECT_FALSE(GradeMath("#### 72", "\\boxed{24}").correct);
}

TEST(MathGradeTest, AGoldWithoutAnAnswerIsAnError) {
  for (const std::string gold : {"", "  \n", "####", "\\boxed{}", "\\boxed{", ".", "$"}) {
    EXPECT_THROW(GradeMath(gold, "\\boxed{5}"), Error) << gold;
  }
  EXPECT_THROW(GradeMath(std::string(kMaxMathAnswerBytes + 1, '1'), "\\boxed{5}"), Error);
}

TEST(MathGradeTest, WhatIsNotUnderstoodIsEqualToItsOwnSpellingOnly) {
  EXPECT_TRUE(GradeBoxed("\\int_0^1 x\\,dx", "\\int_0^1 x dx").correct);
  EXPECT_FALSE(GradeBoxed("\\int_0^1 x\\,dx", "\\int_0^1 y\\,dy").correct);
  EXPECT_FALSE(GradeBoxed("\\int_0^1 x\\,dx", "\\sum_0^1 x").correct) << "0 = 0 is no proof";
  EXPECT_FALSE(GradeBoxed("5", "\\int_0^1 x\\,dx").correct);
}

// --- Decimal commas ---------------------------------------------------------------------

TEST(MathGradeTest, TheEuropeanCommaIsAChoiceOfTheTask) {
  const MathGradeOptions european{true};
  const auto grade = [&](const char* gold, const char* answer) {
    return GradeMath(gold, "\\boxed{" + std::string(answer) + "}", european).correct;
  };
  EXPECT_TRUE(grade("1000.99", "1000,99"));
  EXPECT_TRUE(grade("1000.99", "1.000,99"));
  EXPECT_TRUE(grade("2,74", "2.74"));
  EXPECT_TRUE(grade("1234567", "1.234.567"));
  EXPECT_TRUE(grade("(2; 74)", "(2, 74)"));
  EXPECT_FALSE(grade("(2; 74)", "2,74"));
  EXPECT_FALSE(grade("32349", "32,349"));
  for (const auto& [gold, answer] :
       {GoldAndAnswer{"1000.99", "1000,99"}, {"2,74", "2.74"}, {"1234567", "1.234.567"}}) {
    EXPECT_FALSE(GradeBoxed(gold, answer).correct) << answer;
  }
}

// --- Hostile answers --------------------------------------------------------------------

std::string Repeated(std::string_view unit, size_t count) {
  std::string text;
  while (count-- > 0) text += unit;
  return text;
}

std::vector<std::string> HostileAnswers() {
  return {
      "9**9**9",
      "9^{9^{9^{9}}}",
      "2004!",
      "(((2004!)!)!)!",
      "1/3000!+1/2999!",
      "10^(10^10)",
      "__import__('os').system('true')",
      "1e999999999",
      "i^{1/777777777777777777}",
      "(x+y+z+w)^{50}",
      "(\\sin x+\\sin y)^{40}",
      "\\sqrt[999]{2}+\\sqrt[998]{3}",
      "(1+\\sqrt2+\\sqrt3+\\sqrt5+\\sqrt7)^{20}",
      "(12345/6789)^{2000}+(12347/6781)^{2000}",
      Repeated("\\frac{1}{", 100000) + "2" + Repeated("}", 100000),
      Repeated("\\frac{1}{1+", 38) + "2" + Repeated("}", 38),
      Repeated("\\sqrt{2+", 38) + "2" + Repeated("}", 38),
      std::string(1000000, '9'),
      std::string(1990, '9'),
      std::string(1990, '('),
      std::string(1990, '-') + "1",
      std::string(1990, '|'),
      std::string(1990, '!'),
      "5" + std::string(1980, '!'),
      Repeated("2^", 900) + "2",
      Repeated("1+", 900) + "1",
      Repeated("x*(x+1)*", 200) + "x",
      Repeated("1,", 900) + "1",
      "\\{" + Repeated("x,", 150) + "2\\}",
      Repeated("\\pm1", 400),
      Repeated("\\begin{pmatrix}", 120),
      Repeated("x_{", 600),
      Repeated("\\text{1", 330),
      "\\sqrt{" + std::string(1900, '7') + "}",
      "\\ln(" + std::string(1900, '7') + ")",
      "0.\\overline{" + std::string(1900, '7') + "}",
      std::string(1900, '9') + "_{36}",
      Repeated("\xe2\x89\xa4", 660),
      Repeated("\\left|", 330),
      Repeated("\\sin", 490) + "x",
      std::string("5\0006", 3),
      "\xff\xfe",
      "\\",
      "\\boxed{",
      "^",
      "_",
      "5_",
      "\\frac",
      "\\sqrt[",
  };
}

TEST(MathGradeTest, HostileAnswersAreWrongAtOnce) {
  for (const std::string& answer : HostileAnswers()) {
    const std::string response = "\\boxed{" + answer + "}";
    double best = 1e9;
    for (int run = 0; run < 3; ++run) {
      const auto start = std::chrono::steady_clock::now();
      EXPECT_FALSE(GradeMath("5", response).correct) << answer.substr(0, 60);
      const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
      best = std::min(best, elapsed.count());
    }
    // About a millisecond at most; the slack is for sanitizers and shared machines.
    EXPECT_LT(best, 0.05) << answer.substr(0, 60);
  }
}

TEST(MathGradeTest, TheSameHostileAnswerIsTheSame) {
  for (const char* answer : {"9**9**9", "2004!", "10^{10^{10}}", "(x+y+z+w)^{50}"}) {
    EXPECT_TRUE(GradeBoxed(answer, answer).correct) << answer;
  }
}

TEST(MathGradeTest, LongAnswersAreTooLong) {
  EXPECT_EQ(GradeBoxed("5", std::string(kMaxMathAnswerBytes + 1, '5')).reason, "too long");
}

// --- Threads ----------------------------------------------------------------------------

TEST(MathGradeTest, ThreadsDoNotDisturbEachOther) {
  std::vector<std::thread> threads;
  std::vector<int> num_wrong(4);
  for (size_t i = 0; i < num_wrong.size(); ++i) {
    threads.emplace_back([&num_wrong, i] {
      for (int round = 0; round < 50; ++round) {
        num_wrong[i] += !GradeBoxed("\\sqrt{5+2\\sqrt6}", "\\sqrt2+\\sqrt3").correct;
        num_wrong[i] += !GradeBoxed("1,080", "1080").correct;
        num_wrong[i] += GradeBoxed("1/2004!", "1/2006!").correct;
        num_wrong[i] += GradeBoxed("x>5", "x<5").correct;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(num_wrong, std::vector<int>(4));
}

// --- GSM8K ------------------------------------------------------------------------------

// Needs GSM8K's train.jsonl at $AGON_GSM8K or in ../shared/data.
TEST(MathGradeTest, Gsm8kHasNoFalseVerdict) {
  const char* named = std::getenv("AGON_GSM8K");
  const fs::path file = named != nullptr
                            ? fs::path(named)
                            : fs::path(kSourceDir) / "../shared/data/gsm8k_train.jsonl";
  if (!fs::exists(file)) GTEST_SKIP() << "no " << file;
  const std::string text = ReadFile(file);
  size_t num_golds = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string where = file.string() + ", gold " + std::to_string(++num_golds);
    const Json task = ParseJson(std::string_view(text).substr(begin, end - begin), where);
    const auto gold = JsonField<std::string>(task, "answer", where);
    begin = end + 1;
    const std::string x = gold.substr(gold.rfind("#### ") + 5);
    std::string plain = x;
    std::erase(plain, ',');
    for (const std::string& right :
         {gold, "\\boxed{" + x + "}", "Answer: " + x, "\\boxed{\\$" + plain + "}",
          "Answer: $" + x + ".", "#### " + plain, "\\boxed{" + plain + ".00}",
          "$\\boxed{" + plain + "\\text{ dollars}}$", "Answer: " + plain + " apples"}) {
      EXPECT_TRUE(GradeMath(gold, right).correct) << where << ": " << right;
    }
    for (const std::string& wrong : {"\\boxed{" + plain + "1}", "Answer: " + plain + ".5",
                                     "\\boxed{1" + plain + "} or \\boxed{" + x + "}"}) {
      EXPECT_FALSE(GradeMath(gold, wrong).correct) << where << ": " << wrong;
    }
  }
  EXPECT_GT(num_golds, 0u);
}

}  // namespace
}  // namespace agon::envs
