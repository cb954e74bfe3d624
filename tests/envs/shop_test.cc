// math/shop tells stories whose worked steps are right, small, and made of the story's
// own numbers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "core/error.h"
#include "envs/env.h"

namespace agon::envs {
namespace {

constexpr int kNumStories = 2000;

struct Step {
  int64_t a = 0, b = 0, result = 0;
  char op = 0;
};

// Reads "5+3=8" without the code under test.
Step ParseStep(const std::string& line) {
  Step step;
  long long a = 0, b = 0, result = 0;
  EXPECT_EQ(std::sscanf(line.c_str(), "%lld%c%lld=%lld", &a, &step.op, &b, &result), 4) << line;
  step.a = a, step.b = b, step.result = result;
  return step;
}

std::vector<std::string> Lines(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::multiset<int64_t> NumbersIn(const std::string& text) {
  std::multiset<int64_t> numbers;
  for (size_t i = 0; i < text.size();) {
    size_t end = i;
    while (end < text.size() && std::isdigit(static_cast<unsigned char>(text[end]))) ++end;
    if (end > i) numbers.insert(std::stoll(text.substr(i, end - i)));
    i = std::max(end, i + 1);
  }
  return numbers;
}

std::string WorkOf(const Env& env, const Task& task) {
  return env.Demonstrate(task, Labeler::kStepByStep, 0).value();
}

double RewardOf(const Env& env, const Task& task, const std::string& completion,
                bool truncated = false) {
  const auto result = env.Start(task)->Step(completion, truncated);
  return std::get<Outcome>(result).Reward();
}

TEST(ShopTest, EveryStepIsRightSmallAndMadeOfKnownNumbers) {
  const auto env = MakeEnv("math/shop-v1");
  for (int i = 0; i < kNumStories; ++i) {
    const Task task = env->Get(Split::kTrain, 7, static_cast<uint64_t>(i));
    const std::string& story = task.messages.back().content;
    std::multiset<int64_t> known = NumbersIn(story);
    const auto lines = Lines(WorkOf(*env, task));
    ASSERT_GE(lines.size(), 2u) << story;
    int64_t last = -1;
    for (size_t k = 0; k + 1 < lines.size(); ++k) {
      const Step step = ParseStep(lines[k]);
      const int64_t expected = step.op == '+'   ? step.a + step.b
                               : step.op == '-' ? step.a - step.b
                               : step.op == '*' ? step.a * step.b
                                                : step.a / step.b;
      EXPECT_EQ(step.result, expected) << lines[k];
      if (step.op == '/') {
        EXPECT_EQ(step.a % step.b, 0) << lines[k];
      }
      if (step.op == '*') {
        EXPECT_LE(std::max(step.a, step.b), 9) << story << "\n" << lines[k];
      }
      EXPECT_GE(step.result, 0) << story;
      EXPECT_LE(step.result, 99) << story;
      EXPECT_TRUE(known.count(step.a) && known.count(step.b)) << story << "\n" << lines[k];
      known.insert(step.result);
      last = step.result;
    }
    EXPECT_EQ(lines.back(), "Answer: " + task.answer);
    EXPECT_EQ(std::to_string(last), task.answer) << story;
  }
}

TEST(ShopTest, HarderMeansMoreSteps) {
  double previous = 0;
  for (int difficulty = 0; difficulty < 4; ++difficulty) {
    const auto env = MakeEnv("math/shop(difficulty=" + std::to_string(difficulty) + ")");
    double num_steps = 0;
    size_t most = 0;
    for (uint64_t i = 0; i < 500; ++i) {
      const Task task = env->Get(Split::kTrain, 3, i);
      EXPECT_EQ(task.difficulty, difficulty);
      const size_t steps = Lines(WorkOf(*env, task)).size() - 1;
      num_steps += static_cast<double>(steps) / 500;
      most = std::max(most, steps);
    }
    EXPECT_GT(num_steps, previous + 0.5) << "difficulty " << difficulty;
    EXPECT_LE(most, 6u);
    previous = num_steps;
  }
  EXPECT_GE(previous, 4.0);
}

TEST(ShopTest, AllFamiliesAppearAboutEquallyOften) {
  const auto env = MakeEnv("math/shop");
  ASSERT_GE(env->info().families.size(), 6u);
  std::map<std::string, int> counts;
  for (uint64_t i = 0; i < kNumStories; ++i) ++counts[env->Get(Split::kTest, 0, i).family];
  for (const std::string& family : env->info().families) {
    const double share = static_cast<double>(counts[family]) / kNumStories;
    EXPECT_NEAR(share, 1.0 / static_cast<double>(env->info().families.size()), 0.03) << family;
  }
}

TEST(ShopTest, DistractorsComeOnlyWithHarderTasksAndNeverEnterTheWork) {
  const std::vector<std::string> marks = {" years old.", " miles away.", " opens at ", " minutes.",
                                          " doors."};
  std::vector<int> distracted(4);
  for (int difficulty = 0; difficulty < 4; ++difficulty) {
    const auto env = MakeEnv("math/shop(difficulty=" + std::to_string(difficulty) + ")");
    for (uint64_t i = 0; i < 400; ++i) {
      const std::string story = env->Get(Split::kTrain, 5, i).messages.back().content;
      for (const std::string& mark : marks) {
        if (story.find(mark) != std::string::npos) ++distracted[static_cast<size_t>(difficulty)];
      }
    }
  }
  EXPECT_EQ(distracted[0], 0);
  EXPECT_GT(distracted[1], 50);
  EXPECT_GT(distracted[2], distracted[1]);
  EXPECT_NEAR(distracted[3], 200, 50);
}

TEST(ShopTest, StoriesAndWorkStayShort) {
  const auto env = MakeEnv("math/shop");
  for (uint64_t i = 0; i < kNumStories; ++i) {
    const Task task = env->Get(Split::kTrain, 9, i);
    const std::string& story = task.messages.back().content;
    // Words, single digits and marks: an upper bound on tokens once words are merged.
    size_t num_pieces = 0;
    for (size_t k = 0; k < story.size(); ++k) {
      const bool in_word = k > 0 && std::isalpha(static_cast<unsigned char>(story[k])) &&
                           std::isalpha(static_cast<unsigned char>(story[k - 1]));
      num_pieces += story[k] != ' ' && !in_word;
    }
    EXPECT_LE(num_pieces, 80u) << story;
    EXPECT_LE(WorkOf(*env, task).size(), 65u) << story;
    EXPECT_EQ(story.find('{'), std::string::npos) << story;
    EXPECT_EQ(story.find("  "), std::string::npos) << story;
    EXPECT_EQ(story.back(), '?') << story;
  }
}

TEST(ShopTest, AnswersAreSpreadSoThatGuessingFails) {
  const auto env = MakeEnv("math/shop(difficulty=2..3)");
  std::map<std::string, int> counts;
  for (uint64_t i = 0; i < kNumStories; ++i) ++counts[env->Get(Split::kTest, 1, i).answer];
  int most = 0;
  for (const auto& [answer, count] : counts) most = std::max(most, count);
  EXPECT_LT(most, kNumStories * 0.10);
  EXPECT_GT(counts.size(), 40u);
}

TEST(ShopTest, OneCalculationStaysInOneSplitWhateverTheNames) {
  const auto env = MakeEnv("math/shop");
  std::set<std::string> train;
  for (uint64_t i = 0; i < 5000; ++i) {
    const Task task = env->Get(Split::kTrain, 1, i);
    train.insert(task.family + WorkOf(*env, task));
  }
  for (uint64_t i = 0; i < kNumStories; ++i) {
    const Task task = env->Get(Split::kTest, 2, i);
    EXPECT_FALSE(train.count(task.family + WorkOf(*env, task))) << WorkOf(*env, task);
  }
}

TEST(ShopTest, RewardIsExactlyOneOrZero) {
  const auto env = MakeEnv("math/shop");
  const Task task = env->Get(Split::kTest, 0, 0);
  const int64_t gold = std::stoll(task.answer);
  const std::string right = std::to_string(gold), wrong = std::to_string(gold + 1);
  EXPECT_EQ(RewardOf(*env, task, "Answer: " + right), 1);
  EXPECT_EQ(RewardOf(*env, task, "1+1=2\nanswer: $" + right + ".00"), 1);
  EXPECT_EQ(RewardOf(*env, task, "\\boxed{" + right + "}"), 1);
  EXPECT_EQ(RewardOf(*env, task, "so\n#### " + right + "."), 1) << "a full stop ends a sentence";
  EXPECT_EQ(RewardOf(*env, task, "Answer: " + right + ".\n#### " + right + "."), 1);
  EXPECT_EQ(RewardOf(*env, task, "Answer: " + wrong), 0);
  EXPECT_EQ(RewardOf(*env, task, right), 0) << "no marker";
  EXPECT_EQ(RewardOf(*env, task, "Answer: " + right + " or " + wrong), 0);
  EXPECT_EQ(RewardOf(*env, task, "Answer: " + wrong + "\nAnswer: " + right), 1)
      << "the last answer counts";
}

TEST(ShopTest, AnswerThatTouchesTheCutDoesNotCount) {
  const auto env = MakeEnv("math/shop");
  const Task task = env->Get(Split::kTest, 0, 0);
  const std::string answer = "Answer: " + task.answer;
  EXPECT_EQ(RewardOf(*env, task, answer, /*truncated=*/true), 0);
  EXPECT_EQ(RewardOf(*env, task, answer + "\nand so", /*truncated=*/true), 1);
  const auto outcome = std::get<Outcome>(env->Start(task)->Step(answer, /*truncated=*/true));
  EXPECT_TRUE(outcome.truncated);
  EXPECT_FALSE(outcome.terminated);
}

TEST(ShopTest, LabelersDifferInLength) {
  const auto env = MakeEnv("math/shop");
  const Task task = env->Get(Split::kTrain, 0, 3);
  EXPECT_EQ(env->Demonstrate(task, Labeler::kImmediate, 0), "Answer: " + task.answer);
  EXPECT_GT(WorkOf(*env, task).size(), task.answer.size() + 10);
}

TEST(ShopTest, ForeignTaskIsRefused) {
  const auto env = MakeEnv("math/shop");
  Task task = env->Get(Split::kTrain, 0, 0);
  for (const std::string state : {"", "{}", "[1,2", "{\"steps\":3,\"given\":\"x\"}"}) {
    task.state = state;
    EXPECT_THROW(env->Start(task), Error) << state;
  }
}

}  // namespace
}  // namespace agon::envs
