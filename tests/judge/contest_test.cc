#include "judge/contest.h"

#include <gtest/gtest.h>

#include "core/json.h"
#include "tests/error_of.h"
#include "tests/judge/scripted_policy.h"

namespace agon::judge {
namespace {

class ContestTest : public testing::Test {
 protected:
  // The answers to math/arithmetic's tasks, or nonsense.
  ScriptedPolicy Answering(const std::shared_ptr<const envs::Env>& env, int num_right) {
    std::map<std::string, std::string> answers;
    for (uint64_t i = 0; i < 4; ++i) {
      const envs::Task task = env->Get(envs::Split::kTest, 42, i);
      const auto gold = env->Demonstrate(task, envs::Labeler::kImmediate, 0);
      if (static_cast<int>(i) < num_right) answers[task.messages.back().content] = gold.value();
    }
    return ScriptedPolicy(tokenizer_, [answers](const std::string& prompt, uint32_t) {
      for (const auto& [question, answer] : answers) {
        if (prompt.find(question) != std::string::npos) return answer;
      }
      return std::string("no idea");
    });
  }
  Player PlayerOf(ScriptedPolicy& policy) { return {&policy, &chat_}; }

  datasets::Tokenizer tokenizer_ = ByteTokenizer();
  datasets::ChatTemplate chat_{tokenizer_};
  const std::vector<uint64_t> tasks_ = {0, 1, 2, 3};
};

TEST_F(ContestTest, TheLargerRewardWinsATask) {
  const std::shared_ptr<const envs::Env> env = envs::MakeEnv("math/arithmetic");
  ScriptedPolicy good = Answering(env, 3), poor = Answering(env, 1);
  const auto results = RunContest(PlayerOf(good), PlayerOf(poor), env, tasks_, {});
  ASSERT_EQ(results.size(), 4u);
  const double expected[] = {0.5, 1, 1, 0.5};
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(results[i].score, expected[i]) << i;
  EXPECT_EQ(results[2].task, "test 42/2");
  EXPECT_TRUE(results[0].subject.starts_with("math/arithmetic-v1"));
  const Json detail = ParseJson(results[1].detail, "detail");
  EXPECT_EQ(detail["rewards"], Json({1.0, 0.0}));
  EXPECT_EQ(detail["replies"][1], "no idea");
  // The other way round.
  EXPECT_EQ(RunContest(PlayerOf(poor), PlayerOf(good), env, tasks_, {})[1].score, 0);
}

TEST_F(ContestTest, AJudgeDecidesInItsPlace) {
  const std::shared_ptr<const envs::Env> env = envs::MakeEnv("math/arithmetic");
  ScriptedPolicy good = Answering(env, 3), poor = Answering(env, 1);
  ContestOptions options;
  options.judge = MakeJudge("reference");
  const auto results = RunContest(PlayerOf(good), PlayerOf(poor), env, tasks_, options);
  ASSERT_EQ(results.size(), 4u);
  EXPECT_EQ(results[1].score, 1);
  EXPECT_EQ(results[3].score, 0.5);
  const Json detail = ParseJson(results[1].detail, "detail");
  EXPECT_EQ(detail["flipped"], false);
  EXPECT_FALSE(detail["fingerprint"].get<std::string>().empty());
  const std::shared_ptr<const envs::Env> game = envs::MakeEnv("game/tictactoe(opponent=self)");
  EXPECT_NE(ErrorOf([&] { RunContest(PlayerOf(good), PlayerOf(poor), game, tasks_, options); },
                    ErrorKind::kUsage),
            "");
}

TEST_F(ContestTest, AGameIsPlayedInBothOrders) {
  const std::shared_ptr<const envs::Env> env = envs::MakeEnv("game/tictactoe(opponent=self)");
  ASSERT_TRUE(IsGame(*env));
  EXPECT_FALSE(IsGame(*envs::MakeEnv("game/tictactoe")));
  // One plays the middle, the other says nothing legal ever.
  ScriptedPolicy mute(
      tokenizer_, [](const auto&, uint32_t) { return "pass"; }, 2048);
  ScriptedPolicy player(
      tokenizer_, [](const auto&, uint32_t) { return "5"; }, 2048);
  const auto results = RunContest(PlayerOf(player), PlayerOf(mute), env, tasks_, {});
  ASSERT_EQ(results.size(), 8u);
  int num_first = 0;
  for (const ContestResult& result : results) num_first += result.first == 0;
  EXPECT_EQ(num_first, 4);
  // Whoever is to move second wins when the first is mute.
  for (const ContestResult& result : results) {
    EXPECT_TRUE(result.first == 0 || result.score == 1) << result.detail;
  }
  EXPECT_TRUE(ParseJson(results[0].detail, "detail").contains("transcript"));
}

TEST_F(ContestTest, TakesDirectoriesOnly) {
  Contestants contestants;
  EXPECT_NE(ErrorOf([&] { contestants.Get("http://localhost:8000/v1"); }, ErrorKind::kUnsupported),
            "");
  EXPECT_NE(ErrorOf([&] { contestants.Get("/nowhere"); }, ErrorKind::kNotFound), "");
}

}  // namespace
}  // namespace agon::judge
