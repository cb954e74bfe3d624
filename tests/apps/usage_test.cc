// What every command promises: help with examples, and status 2 with a hint on bad usage.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/apps/command.h"
#include "tests/paths.h"

namespace agon {
namespace {

std::vector<std::string> Commands() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(fs::path(kSourceDir) / "apps")) {
    std::string name = entry.path().stem().string();
    std::replace(name.begin(), name.end(), '_', '-');
    if (entry.path().extension() == ".cc") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

class UsageTest : public ::testing::TestWithParam<std::string> {};

TEST_P(UsageTest, HelpHasExamplesThatNameTheCommand) {
  const CommandResult result = RunCommand(GetParam(), {"--help"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_EQ(result.err, "");
  const size_t examples = result.out.find("Examples:");
  ASSERT_NE(examples, std::string::npos) << result.out;
  EXPECT_NE(result.out.find(GetParam() + " ", examples), std::string::npos) << result.out;
}

TEST_P(UsageTest, AnUnknownFlagIsBadUsage) {
  const CommandResult result = RunCommand(GetParam(), {"--frobnicate"});
  EXPECT_EQ(result.exit_status, 2) << result.err;
  EXPECT_NE(result.err, "");
  EXPECT_EQ(result.out, "");
}

TEST_P(UsageTest, NoArgumentAtAllIsBadUsage) {
  const CommandResult result = RunCommand(GetParam(), {});
  EXPECT_EQ(result.exit_status, 2) << result.err;
  EXPECT_NE(result.err + result.out, "");
}

// All that make environments take files with more of them.
TEST(PluginTest, AFileThatIsNotThereIsNamed) {
  for (const char* command : {"rl-arena", "rl-data", "rl-env", "rl-eval", "rl-judge", "rl-train"}) {
    const CommandResult result = RunCommand(command, {"--plugin", "/no/such.so"});
    EXPECT_NE(result.exit_status, 0) << command;
    EXPECT_NE(result.err.find("/no/such.so"), std::string::npos) << command << result.err;
  }
}

INSTANTIATE_TEST_SUITE_P(Commands, UsageTest, ::testing::ValuesIn(Commands()),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace agon
