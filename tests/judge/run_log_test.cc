#include "judge/run_log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <sstream>

#include "core/file.h"

namespace agon::judge {
namespace {

std::vector<StageLog> Read(const std::string& text, std::ostream* warnings = nullptr) {
  const std::filesystem::path file = std::filesystem::path(testing::TempDir()) /
                                     ("log_test_" + std::to_string(getpid()) + ".jsonl");
  WriteFileAtomic(file, text);
  return ReadRunLog(file, warnings);
}

using Points = std::vector<std::pair<double, double>>;

TEST(RunLogTest, ReadsStagesInOrder) {
  const auto stages = Read(
      "{\"stage\":\"pretrain\",\"step\":1,\"loss\":7.5,\"lr\":0.001}\n"
      "{\"stage\":\"pretrain\",\"step\":2,\"loss\":7.25,\"val_loss\":7.3}\n"
      "{\"stage\":\"rl\",\"step\":1,\"reward\":0.5}\n");
  ASSERT_EQ(stages.size(), 2u);
  EXPECT_EQ(stages[0].stage, "pretrain");
  EXPECT_EQ(stages[0].last_step, 2);
  EXPECT_EQ(stages[0].Get("loss"), (Points{{1, 7.5}, {2, 7.25}}));
  EXPECT_EQ(stages[0].Get("val_loss"), (Points{{2, 7.3}}));
  EXPECT_TRUE(stages[0].Get("reward").empty());
  EXPECT_EQ(FindStage(stages, "rl")->Get("reward"), (Points{{1, 0.5}}));
  EXPECT_EQ(FindStage(stages, "sft"), nullptr);
}

TEST(RunLogTest, SurvivesWhatAKillLeavesAndWhatItDoesNotKnow) {
  const auto stages = Read(
      "{\"stage\":\"rl\",\"step\":1,\"reward\":0.5,\"colour\":\"red\",\"list\":[1,{\"a\":2}]}\n"
      "not "
      "json\n\n[1,2]\n{\"step\":3}\n{\"stage\":5,\"step\":3}\n{\"stage\":\"rl\",\"step\":\"x\"}\n"
      "{\"stage\":\"rl\",\"step\":2,\"reward\":null,\"loss\":0.1}\n"
      "{\"stage\":\"rl\",\"step\":3,\"rew");
  ASSERT_EQ(stages.size(), 1u);
  EXPECT_EQ(stages[0].last_step, 2);
  EXPECT_EQ(stages[0].Get("reward"), (Points{{1, 0.5}}));
  EXPECT_EQ(stages[0].Get("loss"), (Points{{2, 0.1}}));
}

TEST(RunLogTest, LinesLeftOutAreNamed) {
  const auto warnings_of = [](const std::string& text) {
    std::ostringstream warnings;
    Read(text, &warnings);
    return warnings.str();
  };
  const std::string good = "{\"stage\":\"rl\",\"step\":1,\"reward\":0.5}\n";
  EXPECT_EQ(warnings_of(good + "\n" + good), "");
  EXPECT_EQ(warnings_of(good + "{\"stage\":\"rl\",\"st"), "") << "a run that goes on";
  const std::string one = warnings_of(good + "{\"stage\":\"rl\",\"st\n" + good);
  EXPECT_EQ(one.rfind("warning: ", 0), 0u) << one;
  EXPECT_TRUE(one.ends_with(".jsonl:2: no record of a step, left out\n")) << one;
  const std::string several = warnings_of("[]\n" + good + "x\n{}\n");
  EXPECT_TRUE(several.ends_with(".jsonl:1: no record of a step, left out (and 2 lines more)\n"))
      << several;
}

TEST(RunLogTest, AStepWrittenAgainCountsOnce) {
  const auto stages = Read(
      "{\"stage\":\"sft\",\"step\":1,\"loss\":3}\n{\"stage\":\"sft\",\"step\":2,\"loss\":2}\n"
      "{\"stage\":\"sft\",\"step\":2,\"loss\":1}\n");
  EXPECT_EQ(stages[0].Get("loss"), (Points{{1, 3}, {2, 1}}));
}

TEST(RunLogTest, AMissingFileHasNoStages) {
  EXPECT_TRUE(ReadRunLog("/nonexistent/log.jsonl").empty());
  EXPECT_TRUE(Read("").empty());
}

}  // namespace
}  // namespace agon::judge
