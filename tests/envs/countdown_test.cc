// math/countdown is always solvable, and pays any solution and nothing else.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "envs/env.h"
#include "envs/math/expression.h"

namespace agon::envs {
namespace {

struct Game {
  int64_t target = 0;
  std::vector<int64_t> numbers;  // sorted
};

// Reads the question without the code under test.
Game ReadGame(const Task& task) {
  std::string text = task.messages.back().content;
  for (char& c : text) {
    if (c < '0' || c > '9') c = ' ';
  }
  std::istringstream stream(text);
  Game game;
  stream >> game.target;
  for (int64_t number = 0; stream >> number;) game.numbers.push_back(number);
  std::sort(game.numbers.begin(), game.numbers.end());
  return game;
}

Outcome Grade(const Env& env, const Task& task, const std::string& completion) {
  return std::get<Outcome>(env.Start(task)->Step(completion, /*truncated=*/false));
}

// The first task of three numbers that are all different.
Task FirstOfThree(const Env& env) {
  for (uint64_t i = 0;; ++i) {
    Task task = env.Get(Split::kTest, 0, i);
    const Game game = ReadGame(task);
    if (std::set<int64_t>(game.numbers.begin(), game.numbers.end()).size() == 3) return task;
  }
}

TEST(CountdownTest, EveryTaskHasTheSolutionItClaims) {
  for (int difficulty = 0; difficulty < 4; ++difficulty) {
    const auto env = MakeEnv("math/countdown(difficulty=" + std::to_string(difficulty) + ")");
    std::set<char> ops;
    for (uint64_t i = 0; i < 1000; ++i) {
      const Task task = env->Get(Split::kTrain, 1, i);
      const Game game = ReadGame(task);
      EXPECT_EQ(game.numbers.size(), difficulty < 2 ? 3u : 4u);
      EXPECT_GE(game.target, 1);
      EXPECT_LE(game.target, 99);
      const Evaluation evaluation = Evaluate(task.answer);
      EXPECT_EQ(evaluation.value, Rational(game.target)) << task.answer;
      std::vector<int64_t> used;
      for (const Rational& number : evaluation.numbers) used.push_back(number.numerator());
      std::sort(used.begin(), used.end());
      EXPECT_EQ(used, game.numbers) << task.answer;
      for (const char c : task.answer) {
        if (std::string("+-*/").find(c) != std::string::npos) ops.insert(c);
      }
    }
    EXPECT_EQ(ops.size(), difficulty % 2 == 0 ? 2u : 4u) << "difficulty " << difficulty;
  }
}

TEST(CountdownTest, WorkedTriesAreTrueAndEndWithTheHit) {
  const auto env = MakeEnv("math/countdown");
  size_t num_misses = 0;
  for (uint64_t i = 0; i < 500; ++i) {
    const Task task = env->Get(Split::kTrain, 2, i);
    const Game game = ReadGame(task);
    std::istringstream lines(*env->Demonstrate(task, Labeler::kStepByStep, 0));
    bool has_hit = false;
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("Answer: ")) break;
      EXPECT_FALSE(has_hit) << "nothing follows the hit";
      has_hit = line.ends_with(" yes");
      num_misses += !has_hit;
      EXPECT_EQ(has_hit, line.ends_with("=" + std::to_string(game.target) + " yes")) << line;
      std::istringstream steps(line.substr(0, line.rfind(' ')));
      for (std::string step; std::getline(steps, step, ',');) {
        const size_t equals = step.find('=');
        EXPECT_EQ(Evaluate(step.substr(0, equals)).value, ParseNumber(step.substr(equals + 1)))
            << line;
      }
    }
    EXPECT_TRUE(has_hit);
  }
  EXPECT_GT(num_misses, 100u);
}

TEST(CountdownTest, AnySolutionIsRight) {
  const auto env = MakeEnv("math/countdown(difficulty=0)");
  const Task task = FirstOfThree(*env);
  const std::string& gold = task.answer;
  const std::string target = std::to_string(ReadGame(task).target);
  for (const std::string& text :
       {gold, "(" + gold + ")", gold + " = " + target, gold + ".", "((" + gold + "))*1/1"}) {
    const bool adds_numbers = text.find("*1/1") != std::string::npos;
    EXPECT_EQ(Grade(*env, task, "Answer: " + text).Reward(), adds_numbers ? 0 : 1) << text;
  }
  EXPECT_EQ(Grade(*env, task, "\\boxed{" + gold + "}").Reward(), 1);
}

TEST(CountdownTest, EverythingElseIsWrongAndSaysWhy) {
  const auto env = MakeEnv("math/countdown(difficulty=0)");
  const Task task = FirstOfThree(*env);
  const Game game = ReadGame(task);
  const std::string target = std::to_string(game.target);
  const std::string sum = std::to_string(game.numbers[0]) + "+" + std::to_string(game.numbers[1]);
  const auto reason = [&](const std::string& text) {
    const Outcome outcome = Grade(*env, task, "Answer: " + text);
    EXPECT_EQ(outcome.Reward(), 0) << text;
    return outcome.reason;
  };
  EXPECT_EQ(reason(target), "not each number exactly once");
  EXPECT_EQ(reason(sum), "not each number exactly once");
  EXPECT_EQ(reason(task.answer + "+0"), "not each number exactly once");
  EXPECT_EQ(reason(task.answer + "=" + std::to_string(game.target + 1)), "the target is " + target);
  EXPECT_EQ(reason(task.answer + " or " + task.answer), "unexpected 'o'");
  EXPECT_EQ(reason("1/0"), "division by zero");
  EXPECT_EQ(reason("__import__('os')"), "unexpected '_'");
  EXPECT_EQ(reason(std::string(150, '(')), "nested too deeply");
  const std::string product = std::to_string(game.numbers[0]) + "*" +
                              std::to_string(game.numbers[1]) + "*1" +
                              std::to_string(game.numbers[2]);
  EXPECT_EQ(reason(product), "not each number exactly once") << "digits may not be joined";
}

TEST(CountdownTest, NumbersThatAppearTwiceMustBeUsedTwice) {
  const auto env = MakeEnv("math/countdown(difficulty=0)");
  for (uint64_t i = 0;; ++i) {
    const Task task = env->Get(Split::kTrain, 0, i);
    const Game game = ReadGame(task);
    if (game.numbers[0] != game.numbers[1] || game.numbers[1] == game.numbers[2]) continue;
    const std::string twice = std::to_string(game.numbers[0]);
    EXPECT_EQ(Grade(*env, task, "Answer: " + task.answer).Reward(), 1);
    const std::string once = twice + "+" + std::to_string(game.numbers[2]);
    EXPECT_EQ(Grade(*env, task, "Answer: " + once).reason, "not each number exactly once");
    return;
  }
}

TEST(CountdownTest, OneGameStaysInOneSplitWhateverTheWording) {
  const auto env = MakeEnv("math/countdown");
  std::set<std::pair<int64_t, std::vector<int64_t>>> train;
  for (uint64_t i = 0; i < 5000; ++i) {
    const Game game = ReadGame(env->Get(Split::kTrain, 1, i));
    train.emplace(game.target, game.numbers);
  }
  for (uint64_t i = 0; i < 2000; ++i) {
    const Game game = ReadGame(env->Get(Split::kTest, 2, i));
    EXPECT_FALSE(train.count({game.target, game.numbers}));
  }
}

}  // namespace
}  // namespace agon::envs
