#include "envs/catalog.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/json.h"
#include "tests/contains.h"

namespace agon::envs {
namespace {

TEST(CatalogTest, ListsEveryEnvironmentOnce) {
  const std::string text = RenderCatalog();
  const Json json = ParseJson(CatalogJson(), "catalog");
  const auto ids = ListEnvs();
  ASSERT_EQ(json.size(), ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(json[i].at("id"), ids[i]);
    EXPECT_TRUE(Contains(text, ids[i] + " ")) << ids[i];
    EXPECT_TRUE(Contains(text, MakeEnv(ids[i])->info().summary));
  }
}

TEST(CatalogTest, InfoNamesFactsAndShowsEachDifficulty) {
  const auto env = MakeEnv("math/shop");
  const std::string text = DescribeEnv(*env);
  EXPECT_TRUE(text.starts_with("math/shop-v1\n"));
  EXPECT_TRUE(Contains(text, "difficulties: 0..3\n"));
  for (const std::string& family : env->info().families) EXPECT_TRUE(Contains(text, family));
  for (int difficulty = 0; difficulty < 4; ++difficulty) {
    EXPECT_TRUE(Contains(text, "difficulty " + std::to_string(difficulty) + "\n"));
  }
  const Json json = ParseJson(InfoJson(env->info()), "info");
  EXPECT_EQ(json.at("num_difficulties"), 4);
  EXPECT_EQ(json.at("families").size(), env->info().families.size());
}

TEST(CatalogTest, InfoOfOneDifficultyShowsOnlyThat) {
  const std::string text = DescribeEnv(*MakeEnv("math/shop(difficulty=2)"));
  EXPECT_TRUE(Contains(text, "difficulty 2\n"));
  EXPECT_FALSE(Contains(text, "difficulty 1\n"));
}

ConformanceOptions Few() {
  ConformanceOptions options;
  options.num_tasks = 60;
  options.num_split_tasks = 60;
  return options;
}

TEST(CatalogTest, CheckReportsEachEnvironment) {
  std::ostringstream out;
  const std::vector<std::string> specs = {"math/shop", "math/countdown(difficulty=1)"};
  EXPECT_TRUE(CheckEnvs(specs, Few(), /*as_json=*/false, out));
  EXPECT_EQ(out.str(), "ok      math/shop\nok      math/countdown(difficulty=1)\n");
}

TEST(CatalogTest, CheckWritesJson) {
  std::ostringstream out;
  const std::vector<std::string> specs = {"math/shop"};
  EXPECT_TRUE(CheckEnvs(specs, Few(), /*as_json=*/true, out));
  const Json report = ParseJson(out.str(), "report");
  ASSERT_EQ(report.size(), 1u);
  EXPECT_EQ(report[0].at("env"), "math/shop");
  EXPECT_EQ(report[0].at("ok"), true);
  EXPECT_TRUE(report[0].at("findings").empty());
  const std::vector<std::string> unknown = {"math/unknown"};
  EXPECT_THROW(CheckEnvs(unknown, Few(), true, out), Error);
}

TEST(PlayTest, TakesACompletionUpToAnEmptyLine) {
  const auto env = MakeEnv("math/shop");
  const Task task = env->Get(Split::kTest, 0, 0);
  std::istringstream in("1+1=2\nAnswer: " + task.answer + "\n\nAnswer: 1000\n");
  std::ostringstream out;
  EXPECT_EQ(Play(*env, task, /*shows_gold=*/false, in, out).Reward(), 1);
  EXPECT_TRUE(Contains(out.str(), "user: " + task.messages[0].content));
  EXPECT_TRUE(Contains(out.str(), "reward 1 "));
  EXPECT_FALSE(Contains(out.str(), "gold:"));
}

TEST(PlayTest, AnEmptyAnswerIsAnAnswer) {
  const auto env = MakeEnv("math/shop");
  const Task task = env->Get(Split::kTest, 0, 0);
  std::istringstream in("");
  std::ostringstream out;
  const Outcome outcome = Play(*env, task, /*shows_gold=*/true, in, out);
  EXPECT_EQ(outcome.Reward(), 0);
  EXPECT_EQ(outcome.reason, "no answer");
  EXPECT_TRUE(Contains(out.str(), "gold: " + task.answer));
}

// Two turns: asks once more, then pays "done".
class EchoEpisode final : public Episode {
 public:
  StepResult Step(std::string_view completion, bool) override {
    if (num_steps_++ == 0) return Turn{{{Role::kTool, "you said " + std::string(completion)}}};
    Outcome outcome;
    outcome.parts = {{"done", completion == "done\n" ? 1.0 : 0.0, 1.0}};
    outcome.terminated = true;
    return outcome;
  }

 private:
  int num_steps_ = 0;
};

class EchoEnv final : public Env {
 public:
  const EnvInfo& info() const override { return info_; }
  Task Get(Split split, uint64_t seed, uint64_t index) const override {
    return {{"zz_test/echo-v1", split, seed, index}, {{Role::kUser, "Talk."}}, "done", "", 0, ""};
  }
  std::unique_ptr<Episode> Start(const Task&) const override {
    return std::make_unique<EchoEpisode>();
  }

 private:
  EnvInfo info_;
};

TEST(PlayTest, GoesThroughSeveralTurns) {
  const EchoEnv env;
  std::istringstream in("hello\n\ndone\n");
  std::ostringstream out;
  EXPECT_EQ(Play(env, env.Get(Split::kTrain, 0, 0), false, in, out).Reward(), 1);
  EXPECT_TRUE(Contains(out.str(), "tool: you said hello\n"));
}

}  // namespace
}  // namespace agon::envs
