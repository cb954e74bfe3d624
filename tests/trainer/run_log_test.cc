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
  EXPECT_TRUE(log.TruncateAfter({"sft"}, "rl", 1).empty()) << "a torn line is no damage";
  EXPECT_EQ(Log(), expected);
  log.Append("rl", 2, {{"reward", 0.5}});
  EXPECT_EQ(Log(), expected + "{\"stage\":\"rl\",\"step\":2,\"reward\":0.5}\n");
}

TEST_F(RunLogTest, DamagedLinesAreNamedAndTheirFileIsKept) {
  {
    RunLog log(dir_);
    log.Append("sft", 1, {});
  }
  std::ofstream(dir_ / "log.jsonl", std::ios::app)
      << "garbage\n{}\n{\"stage\":\"sft\",\"step\":2}\n";
  const std::string damaged = Log();
  RunLog log(dir_);
  const std::string file = (dir_ / "log.jsonl").string();
  EXPECT_EQ(log.TruncateAfter({}, "sft", 5),
            std::vector<std::string>{file + ":2: no record of a step, left out (and 1 line more); "
                                            "the file as it was is log.jsonl.damaged"});
  EXPECT_EQ(Log(), "{\"stage\":\"sft\",\"step\":1}\n{\"stage\":\"sft\",\"step\":2}\n");
  EXPECT_EQ(ReadFile(file + ".damaged"), damaged);
  EXPECT_TRUE(log.TruncateAfter({}, "sft", 5).empty());

  // A second time both are kept.
  std::ofstream(dir_ / "log.jsonl", std::ios::app) << "[]\n";
  EXPECT_EQ(log.TruncateAfter({}, "sft", 5).size(), 1u);
  EXPECT_EQ(ReadFile(file + ".damaged"), damaged);
  EXPECT_TRUE(fs::exists(file + ".damaged-2"));
}

}  // namespace
}  // namespace agon::trainer
