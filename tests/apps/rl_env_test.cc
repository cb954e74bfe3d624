// rl-env as a person or a script meets it: text, exit status, clear errors.
#include <gtest/gtest.h>

#include <string>

#include "core/json.h"
#include "envs/env.h"
#include "tests/apps/command.h"
#include "tests/paths.h"

namespace agon {
namespace {

ShellResult RlEnv(const std::string& arguments, const std::string& input = "") {
  return RunShell("printf '" + input + "' | '" + kBinaryDir + "/bin/rl-env' " + arguments +
                  " 2>&1");
}

TEST(RlEnvTest, ListAndInfo) {
  const ShellResult list = RlEnv("list");
  EXPECT_EQ(list.exit_status, 0) << list.output;
  EXPECT_NE(list.output.find("math/shop-v1"), std::string::npos);
  const ShellResult json = RlEnv("list --json");
  EXPECT_EQ(ParseJson(json.output, "list").size(), envs::ListEnvs().size());
  const ShellResult info = RlEnv("info math/shop");
  EXPECT_EQ(info.exit_status, 0);
  EXPECT_NE(info.output.find("step by step:"), std::string::npos);
}

TEST(RlEnvTest, PlayGradesWhatIsTyped) {
  const std::string answer = envs::MakeEnv("math/shop")->Get(envs::Split::kVal, 1, 2).answer;
  const ShellResult play =
      RlEnv("play math/shop --split val --seed 1 --index 2", "Answer: " + answer + "\\n");
  EXPECT_EQ(play.exit_status, 0) << play.output;
  EXPECT_NE(play.output.find("reward 1 "), std::string::npos) << play.output;
}

TEST(RlEnvTest, CheckPassesOnOurOwn) {
  const ShellResult check = RlEnv("check math/countdown --tasks 50");
  EXPECT_EQ(check.exit_status, 0) << check.output;
  EXPECT_EQ(check.output, "ok      math/countdown\n");
}

TEST(RlEnvTest, GradesJsonLines) {
  const std::string right = R"({"id":1,"gold":"1/2","response":"Answer: 0.5"})";
  const ShellResult graded = RlEnv("grade math", right + "\n");
  EXPECT_EQ(graded.exit_status, 0) << graded.output;
  EXPECT_EQ(graded.output, R"({"id":1,"reward":1,"extracted":"0.5","reason":"right"})"
                           "\n");
  const ShellResult broken = RlEnv("grade math", right + "\n{\n" + right + "\n");
  EXPECT_EQ(broken.exit_status, 1);
  EXPECT_NE(broken.output.find("stdin line 2"), std::string::npos) << broken.output;
  EXPECT_NE(broken.output.find("1 of 3 lines could not be graded"), std::string::npos);
  EXPECT_EQ(RlEnv("grade math /no/such/file").exit_status, 1);
  EXPECT_EQ(RlEnv("grade").exit_status, 2);
}

TEST(RlEnvTest, BadUsageIsStatusTwoAndSaysWhatToDo) {
  const ShellResult unknown = RlEnv("info math/shp");
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
  const ShellResult help = RlEnv("--help");
  EXPECT_EQ(help.exit_status, 0);
  EXPECT_NE(help.output.find("rl-env check"), std::string::npos);
}

}  // namespace
}  // namespace agon
