#include "trainer/run_log.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "core/file.h"

namespace agon::trainer {
namespace {

class RunLogTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(testing::TempDir()) /
           testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(dir_);
  }
  std::string Log() const { return ReadFile(dir_ / "log.jsonl"); }
  fs::path dir_;
};

TEST_F(RunLogTest, WritesShortestNumbersAndNullForNan) {
  RunLog log(dir_);
  log.Append("rl", 3, {{"reward", 0.1}, {"x", 1e-9}, {"n", 32}, {"bad", NAN}});
  EXPECT_EQ(Log(),
            "{\"stage\":\"rl\",\"step\":3,\"reward\":0.1,\"x\":1e-09,\"n\":32,\"bad\":null}\n");
}

TEST_F(RunLogTest, TruncationKeepsFinishedStagesAndEarlierSteps) {
  std::string expected;
  {
    RunLog log(dir_);
    log.Append("sft", 1, {{"loss", 2}});
    log.Append("sft", 2, {{"loss", 1}});
    log.Append("rl", 1, {{"reward", 0}});
    expected = Log();
    log.Append("rl", 2, {{"reward", 0.5}});
  }
  std::ofstream(dir_ / "log.jsonl", std::ios::app) << "{\"stage\":\"rl\",\"st";  // torn by a kill
  RunLog log(dir_);
  log.TruncateAfter({"sft"}, "rl", 1);
  EXPECT_EQ(Log(), expected);
  log.Append("rl", 2, {{"reward", 0.5}});
  EXPECT_EQ(Log(), expected + "{\"stage\":\"rl\",\"step\":2,\"reward\":0.5}\n");
}

TEST_F(RunLogTest, TruncationSurvivesDamagedLines) {
  {
    RunLog log(dir_);
    log.Append("sft", 1, {});
  }
  std::ofstream(dir_ / "log.jsonl", std::ios::app) << "\0garbage\n{}\n";
  RunLog log(dir_);
  log.TruncateAfter({}, "sft", 5);
  EXPECT_EQ(Log(), "{\"stage\":\"sft\",\"step\":1}\n");
}

}  // namespace
}  // namespace agon::trainer
