#include <gtest/gtest.h>

#include "core/json.h"
#include "tests/apps/command.h"

namespace agon {
namespace {

class RlDataTest : public testing::Test {
 protected:
  RlDataTest() { fs::create_directories(dir_); }
  ~RlDataTest() override { fs::remove_all(dir_); }

  fs::path dir_ = fs::path(testing::TempDir()) / ("agon_rl_data_" + std::to_string(::getpid()));
};

TEST_F(RlDataTest, BuildsAndShowsACorpus) {
  const std::string out = (dir_ / "data").string();
  const CommandResult build =
      RunCommand("rl-data", {"build", "--out", out, "--source", "m=generated:math,max=200k",
                             "--vocab", "300", "--val", "0.1"});
  ASSERT_EQ(build.exit_status, 0) << build.err;
  EXPECT_NE(build.out.find("source"), std::string::npos) << build.out;
  EXPECT_NE(build.out.find("wrote " + out), std::string::npos) << build.out;
  const CommandResult info = RunCommand("rl-data", {"info", out, "--samples", "2", "--json"});
  ASSERT_EQ(info.exit_status, 0) << info.err;
  const Json json = ParseJson(info.out, "info");
  for (const char* split : {"train", "val"}) {
    EXPECT_GT(json[split]["documents"].get<int64_t>(), 10) << split;
    EXPECT_EQ(json[split]["samples"].size(), 2u) << split;
  }
  EXPECT_GE(json["train"]["bytes"].get<int64_t>() + json["val"]["bytes"].get<int64_t>(), 200 << 10);
}

TEST_F(RlDataTest, IngestsToJsonLines) {
  WriteFileAtomic(dir_ / "a.py", "a = 1\n");
  WriteFileAtomic(dir_ / "b.py", "a = 1\n");
  const std::string out = (dir_ / "out.jsonl").string();
  const CommandResult result = RunCommand(
      "rl-data",
      {"ingest", "--source", "s=text:" + (dir_ / "*.py").string(), "--out", out, "--json"});
  ASSERT_EQ(result.exit_status, 0) << result.err;
  const Json json = ParseJson(result.out, "report");
  EXPECT_EQ(json["sources"]["s"]["documents"], 1);
  EXPECT_EQ(json["sources"]["s"]["dropped"]["duplicate"], 1);
  EXPECT_EQ(ReadFile(out), "{\"text\":\"a = 1\",\"source\":\"s\"}\n");
}

TEST_F(RlDataTest, SaysWhatIsWrong) {
  const auto run = [&](std::vector<std::string> arguments) {
    const CommandResult result = RunCommand("rl-data", arguments);
    return std::to_string(result.exit_status) + " " + result.err + result.out;
  };
  const std::string out = (dir_ / "data").string();
  const std::string kind = run({"build", "--out", out, "--source", "x=pdf:/x"});
  EXPECT_TRUE(kind.starts_with("2 error: ")) << kind;
  EXPECT_NE(kind.find("pdf"), std::string::npos) << kind;
  const std::string missing = run({"build", "--out", out, "--source", "x=text:/no/such"});
  EXPECT_TRUE(missing.starts_with("1 error: ")) << missing;
  EXPECT_NE(missing.find("/no/such"), std::string::npos) << missing;
  const std::string none = run({"info", out});
  EXPECT_TRUE(none.starts_with("1 error: ")) << none;
  EXPECT_NE(none.find("rl-data build"), std::string::npos) << none;
  EXPECT_TRUE(run({"build"}).starts_with("2 "));
  EXPECT_TRUE(run({}).starts_with("2 "));
}

}  // namespace
}  // namespace agon
