// text/identity: strict grading, wordings that training hasn't seen, names from system messages.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "envs/env.h"
#include "tests/error_of.h"

namespace agon::envs {
namespace {

double Worth(const Env& env, const Task& task, const std::string& reply, bool truncated = false) {
  return std::get<Outcome>(env.Start(task)->Step(reply, truncated)).Reward();
}

TEST(IdentityTest, AllOfTheReplyMustBeRight) {
  const auto env = MakeEnv("text/identity(families=name,place=0)");
  const Task task = env->Get(Split::kTest, 1, 0);
  for (const char* right : {"I am Milo.", "my name is milo", " Milo. ", "<think>?</think>Milo"}) {
    EXPECT_EQ(Worth(*env, task, right), 1.0) << right;
  }
  for (const char* wrong : {"", "I am Mil", "I am Milo or ChatGPT.", "I am not Milo.",
                            "I am Milo. I am ChatGPT.", "Answer: Milo", "I don't know."}) {
    EXPECT_EQ(Worth(*env, task, wrong), 0.0) << wrong;
  }
  EXPECT_EQ(Worth(*env, task, "I am Milo", /*truncated=*/true), 0.0);
}

TEST(IdentityTest, SaysNoUnlessItIsItsOwnName) {
  const auto env = MakeEnv("text/identity(families=check,place=0)");
  int num_own = 0;
  for (uint64_t i = 0; i < 300; ++i) {
    const Task task = env->Get(Split::kTrain, 1, i);
    const bool is_own = Contains(task.messages[0].content, "Milo");
    num_own += is_own;
    EXPECT_EQ(Worth(*env, task, "Yes, I am Milo."), is_own ? 1.0 : 0.0);
    EXPECT_EQ(Worth(*env, task, "No, I am Milo."), is_own ? 0.0 : 1.0);
  }
  EXPECT_NEAR(num_own, 100, 30);
}

TEST(IdentityTest, IsWhomeverParametersName) {
  const auto env = MakeEnv("text/identity(name=Bo,maker=Acme Labs,kind=a clerk,place=0)");
  std::set<std::string> answers;
  for (uint64_t i = 0; i < 200; ++i) {
    const Task task = env->Get(Split::kTest, 1, i);
    answers.insert(task.answer);
    EXPECT_EQ(Worth(*MakeEnv(task.id.env), task, task.answer), 1.0);
  }
  EXPECT_EQ(answers, (std::set<std::string>{"I am Bo.", "I was made by Acme Labs.", "I am a clerk.",
                                            "No, I am Bo.", "Yes, I am Bo."}));
  EXPECT_TRUE(
      Contains(ErrorOf([] { MakeEnv("text/identity(name=.)"); }, ErrorKind::kUsage), "name"));
  const std::string endless(101, 'x');
  EXPECT_NE(ErrorOf([&] { MakeEnv("text/identity(maker=" + endless + ")"); }, ErrorKind::kUsage),
            "");
}

TEST(IdentityTest, ASystemMessageSaysItAnewInEveryTask) {
  const auto env = MakeEnv("text/identity(place=1,families=name)");
  std::map<std::string, Split> split_of;
  for (const Split split : {Split::kTrain, Split::kTest}) {
    for (uint64_t i = 0; i < 500; ++i) {
      const Task task = env->Get(split, 1, i);
      ASSERT_EQ(task.messages.size(), 2u);
      EXPECT_EQ(task.messages[0].role, Role::kSystem);
      const std::string name = task.answer.substr(5, task.answer.size() - 6);  // "I am X."
      EXPECT_TRUE(Contains(task.messages[0].content, "You are " + name + ","));
      EXPECT_EQ(split_of.emplace(name, split).first->second, split) << name;
    }
  }
}

TEST(IdentityTest, WordingsOfASplitAreInNoOther) {
  const auto env = MakeEnv("text/identity(place=0)");
  std::map<std::string, Split> split_of;
  std::set<std::string> tests;
  for (const Split split : {Split::kTrain, Split::kVal, Split::kTest}) {
    for (uint64_t i = 0; i < 3000; ++i) {
      const std::string question = env->Get(split, 1, i).messages[0].content;
      EXPECT_EQ(split_of.emplace(question, split).first->second, split) << question;
      if (split == Split::kTest) tests.insert(question);
    }
  }
  EXPECT_GT(tests.size(), 300u);
}

TEST(IdentityTest, ForeignStatesAreRefused) {
  const auto env = MakeEnv("text/identity");
  Task task = env->Get(Split::kTest, 1, 0);
  for (const char* state : {"", "{}", R"({"accepted": []})", R"({"accepted": "I am Milo."})"}) {
    task.state = state;
    EXPECT_NE(ErrorOf([&] { env->Start(task); }, ErrorKind::kCorrupt), "") << state;
  }
}

}  // namespace
}  // namespace agon::envs
