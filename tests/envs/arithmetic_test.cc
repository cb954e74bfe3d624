// math/arithmetic asks for values that an independent evaluation confirms.
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "envs/env.h"
#include "envs/math/expression.h"
#include "tests/envs/outcomes.h"

namespace agon::envs {
namespace {

constexpr uint64_t kNumQuestions = 500;

std::unique_ptr<Env> Make(const std::string& family, int difficulty) {
  return MakeEnv("math/arithmetic-v1(families=" + family +
                 ",difficulty=" + std::to_string(difficulty) + ")");
}

// "What is 1 + 2?" -> "1 + 2"
std::string ExpressionIn(const std::string& question) {
  const size_t start = question.find_first_of("0123456789(");
  return question.substr(start, question.size() - 1 - start);
}

// Checks that each "a+b=c" is true and returns the number of such lines.
int CheckSteps(const std::string& work) {
  std::istringstream stream(work);
  int num_steps = 0;
  for (std::string line; std::getline(stream, line);) {
    const size_t equals = line.find('=');
    if (equals == std::string::npos) continue;
    EXPECT_EQ(Evaluate(line.substr(0, equals)).value, ParseNumber(line.substr(equals + 1))) << line;
    ++num_steps;
  }
  return num_steps;
}

TEST(ArithmeticTest, AnswersAndStepsAreTheExactValues) {
  for (const char* family : {"chain", "products", "parentheses", "decimals"}) {
    double previous = 0;
    for (int difficulty = 0; difficulty < 4; ++difficulty) {
      const auto env = Make(family, difficulty);
      double num_steps = 0;
      for (uint64_t i = 0; i < kNumQuestions; ++i) {
        const Task task = env->Get(Split::kTrain, 1, i);
        const Evaluation evaluation = Evaluate(ExpressionIn(QuestionOf(task)));
        ASSERT_TRUE(evaluation.value) << QuestionOf(task) << ": " << evaluation.problem;
        EXPECT_EQ(evaluation.value, ParseNumber(task.answer)) << QuestionOf(task);
        EXPECT_FALSE(*evaluation.value < Rational(0)) << QuestionOf(task);
        num_steps += CheckSteps(*env->Demonstrate(task, Labeler::kStepByStep, 0));
      }
      EXPECT_GE(num_steps, previous) << family << " difficulty " << difficulty;
      previous = num_steps;
    }
    EXPECT_GT(previous, 1.9 * kNumQuestions) << family;
  }
}

TEST(ArithmeticTest, WholeNumberFamiliesStayBelowAHundred) {
  const auto env = MakeEnv("math/arithmetic(families=chain|products|parentheses)");
  for (uint64_t i = 0; i < 4 * kNumQuestions; ++i) {
    const Task task = env->Get(Split::kTrain, 2, i);
    EXPECT_LT(ParseNumber(task.answer), Rational(100)) << QuestionOf(task);
    EXPECT_TRUE(ParseNumber(task.answer)->IsInteger());
  }
}

TEST(ArithmeticTest, ComparisonsNameTheLargerOrSmaller) {
  int num_larger = 0, num_shorter_right = 0, num_misleading = 0;
  for (int difficulty = 0; difficulty < 4; ++difficulty) {
    const auto env = Make("comparison", difficulty);
    for (uint64_t i = 0; i < kNumQuestions; ++i) {
      const Task task = env->Get(Split::kTest, 1, i);
      std::istringstream words(QuestionOf(task));
      std::string which, is, kind, first, conjunction, second;
      words >> which >> is >> kind >> first >> conjunction >> second;
      second.pop_back();
      const Rational a = ParseNumber(first).value(), b = ParseNumber(second).value();
      ASSERT_FALSE(a == b);
      const bool wants_larger = kind == "larger,";
      EXPECT_EQ(task.answer, (b < a) == wants_larger ? first : second) << QuestionOf(task);
      num_larger += wants_larger;
      num_shorter_right += (task.answer == first) == (first.size() < second.size());
      num_misleading += (a < b) == (first.size() > second.size());
    }
  }
  EXPECT_NEAR(num_larger, 2 * kNumQuestions, 150);
  EXPECT_NEAR(num_shorter_right, 2 * kNumQuestions, 150) << "length must not give it away";
  EXPECT_GT(num_misleading, static_cast<int>(2 * kNumQuestions)) << "more digits, yet smaller";
}

TEST(ArithmeticTest, RoundedAnswersAreWrong) {
  const auto env = Make("decimals", 3);
  for (uint64_t i = 0; i < 50; ++i) {
    const Task task = env->Get(Split::kTest, 1, i);
    const auto reward = [&](const std::string& text) {
      return std::get<Outcome>(env->Start(task)->Step(text, false)).Reward();
    };
    EXPECT_EQ(reward("Answer: " + task.answer), 1);
    EXPECT_EQ(reward("Answer: " + task.answer +
                     (task.answer.find('.') == std::string::npos ? ".001" : "001")),
              0);
  }
}

TEST(ArithmeticTest, NineElevenIsLessThanNineNine) {
  // The lecture's example is among the problems that the family draws.
  const auto env = Make("comparison", 0);
  for (const Split split : {Split::kTrain, Split::kVal, Split::kTest}) {
    for (uint64_t i = 0; i < 4000; ++i) {
      const Task task = env->Get(split, 3, i);
      if (QuestionOf(task) != "Which is larger, 9.11 or 9.9?") continue;
      EXPECT_EQ(task.answer, "9.9");
      EXPECT_EQ(env->Demonstrate(task, Labeler::kStepByStep, 0), "9.11<9.90\nAnswer: 9.9");
      return;
    }
  }
  ADD_FAILURE() << "9.11 or 9.9 is never asked";
}

}  // namespace
}  // namespace agon::envs
