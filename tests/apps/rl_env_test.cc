// rl-env as a person or a script meets it: text, exit status, clear errors.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <string>

#include "core/json.h"
#include "envs/env.h"
#include "tests/paths.h"

namespace agon {
namespace {

struct CommandResult {
  int exit_status = -1;
  std::string output;  // stdout and stderr
};

CommandResult RlEnv(const std::string& arguments, const std::string& input = "") {
  const std::string command =
      "printf '" + input + "' | '" + kBinaryDir + "/bin/rl-env' " + arguments + " 2>&1";
  CommandResult result;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return result;
  char buffer[4096];
  for (size_t n = 0; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0;) {
    result.output.append(buffer, n);
  }
  const int status = pclose(pipe);
  result.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

TEST(RlEnvTest, ListAndInfo) {
  const CommandResult list = RlEnv("list");
  EXPECT_EQ(list.exit_status, 0) << list.output;
  EXPECT_NE(list.output.find("math/shop-v1"), std::string::npos);
  const CommandResult json = RlEnv("list --json");
  EXPECT_EQ(ParseJson(json.output, "list").size(), envs::ListEnvs().size());
  const CommandResult info = RlEnv("info math/shop");
  EXPECT_EQ(info.exit_status, 0);
  EXPECT_NE(info.output.find("step by step:"), std::string::npos);
}

TEST(RlEnvTest, PlayGradesWhatIsTyped) {
  const std::string answer = envs::MakeEnv("math/shop")->Get(envs::Split::kVal, 1, 2).answer;
  const CommandResult play =
      RlEnv("play math/shop --split val --seed 1 --index 2", "Answer: " + answer + "\\n");
  EXPECT_EQ(play.exit_status, 0) << play.output;
  EXPECT_NE(play.output.find("reward 1 "), std::string::npos) << play.output;
}

TEST(RlEnvTest, CheckPassesOnOurOwn) {
  const CommandResult check = RlEnv("check math/countdown --tasks 50");
  EXPECT_EQ(check.exit_status, 0) << check.output;
  EXPECT_EQ(check.output, "ok      math/countdown\n");
}

TEST(RlEnvTest, GradesJsonLines) {
  const std::string right = R"({"id":1,"gold":"1/2","response":"Answer: 0.5"})";
  const CommandResult graded = RlEnv("grade math", right + "\n");
  EXPECT_EQ(graded.exit_status, 0) << graded.output;
  EXPECT_EQ(graded.output, R"({"id":1,"reward":1,"extracted":"0.5","reason":"right"})"
                           "\n");
  const CommandResult broken = RlEnv("grade math", right + "\n{\n" + right + "\n");
  EXPECT_EQ(broken.exit_status, 1);
  EXPECT_NE(broken.output.find("stdin line 2"), std::string::npos) << broken.output;
  EXPECT_NE(broken.output.find("1 of 3 lines could not be graded"), std::string::npos);
  EXPECT_EQ(RlEnv("grade math /no/such/file").exit_status, 1);
  EXPECT_EQ(RlEnv("grade").exit_status, 2);
}

TEST(RlEnvTest, BadUsageIsStatusTwoAndSaysWhatToDo) {
  const CommandResult unknown = RlEnv("info math/shp");
  EXPECT_EQ(unknown.exit_status, 2);
  EXPECT_NE(unknown.output.find("did you mean \"math/shop-v1\""), std::string::npos)
      << unknown.output;
  EXPECT_EQ(RlEnv("").exit_status, 2);
  EXPECT_EQ(RlEnv("frobnicate").exit_status, 2);
  EXPECT_EQ(RlEnv("play math/shop --split nope").exit_status, 2);
  EXPECT_EQ(RlEnv("play math/shop --seed x").exit_status, 2);
  EXPECT_EQ(RlEnv("check --tasks 0").exit_status, 2);
  EXPECT_EQ(RlEnv("info 'math/shop(difficulty=9)'").exit_status, 2);
}

TEST(RlEnvTest, HelpShowsExamples) {
  const CommandResult help = RlEnv("--help");
  EXPECT_EQ(help.exit_status, 0);
  EXPECT_NE(help.output.find("rl-env check"), std::string::npos);
}

}  // namespace
}  // namespace agon
