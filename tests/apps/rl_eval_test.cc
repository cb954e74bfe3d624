// rl-eval and rl-chat on a tiny model: files, exit status, clear errors.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "core/file.h"
#include "core/json.h"
#include "datasets/chat.h"
#include "policy/policy.h"
#include "tests/apps/command.h"
#include "tests/paths.h"

namespace agon {
namespace {

class ModelCommandTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ =
        fs::path(testing::TempDir()) /
        (std::string("rl_eval_") + testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(dir_ / "model");
    const auto tokenizer = datasets::Tokenizer::FromMerges({}, datasets::ChatSpecialTokens());
    auto config = policy::PresetConfig("pico", tokenizer.vocab_size(), 512);
    config.num_layers = 1;
    policy::Policy::Create(config, policy::ComputeType::kFloat32, 1)->Save(dir_ / "model");
    datasets::ChatTemplate(tokenizer).Save(dir_ / "model");
  }
  void TearDown() override { fs::remove_all(dir_); }

  ShellResult RlEval(const std::string& arguments) {
    return RunShell("cd '" + dir_.string() + "' && AGON_CACHE=cache '" + kBinaryDir +
                    "/bin/rl-eval' " + arguments);
  }
  ShellResult RlChat(const std::string& input, const std::string& arguments) {
    return RunShell("cd '" + dir_.string() + "' && printf '" + input + "' | '" + kBinaryDir +
                    "/bin/rl-chat' " + arguments + " 2>&1");
  }

  fs::path dir_;
};

TEST_F(ModelCommandTest, EvalWritesTheReportAndJson) {
  const ShellResult result = RlEval(
      "--model model --compare model/ --suite math/shop --tasks 3 --samples 2 --max-tokens 4 "
      "--out report --json 2>/dev/null");
  ASSERT_EQ(result.exit_status, 0) << result.output;
  const Json results = ParseJson(result.output, "stdout");
  EXPECT_EQ(results.at("metrics").at(0).at("metric"), "pass@1");
  EXPECT_EQ(results.at("metrics").at(0).at("n"), 3);
  // The same weights and keys: not a single token differs.
  for (const Json& comparison : results.at("comparisons")) EXPECT_EQ(comparison.at("diff"), 0);
  EXPECT_EQ(ReadFile(dir_ / "report/results.json"), result.output);
  EXPECT_TRUE(fs::exists(dir_ / "report/report.html"));
  EXPECT_TRUE(fs::exists(dir_ / "report/report.md"));
  const std::string samples = ReadFile(dir_ / "report/samples.jsonl");
  EXPECT_EQ(std::count(samples.begin(), samples.end(), '\n'), 12);
  EXPECT_TRUE(fs::exists(dir_ / "cache/evaluations"));
  // From the cache, or anew with other batches: the same samples, and the same report.
  const std::string again =
      "--model model --compare model/ --suite math/shop --tasks 3 --samples 2 "
      "--max-tokens 4 --out again --json 2>/dev/null ";
  EXPECT_EQ(RlEval(again).output, result.output);
  EXPECT_EQ(ReadFile(dir_ / "again/report.html"), ReadFile(dir_ / "report/report.html"));
  EXPECT_EQ(RlEval(again + "--no-cache --rows 1").exit_status, 0);
  EXPECT_EQ(ReadFile(dir_ / "again/samples.jsonl"), samples);
}

TEST_F(ModelCommandTest, EvalPrintsATable) {
  const ShellResult result =
      RlEval("--model model --suite math/shop --tasks 2 --max-tokens 2 --out report 2>&1");
  ASSERT_EQ(result.exit_status, 0) << result.output;
  EXPECT_NE(result.output.find("pass@1"), std::string::npos);
  EXPECT_NE(result.output.find("report: report/report.html"), std::string::npos);
}

TEST_F(ModelCommandTest, RunsStandSideBySide) {
  for (const char* name : {"a", "b"}) {
    fs::create_directories(dir_ / name);
    WriteFileAtomic(dir_ / name / "recipe.toml",
                    std::string("[run]\nseed = 1\n[rl]\nkl = \"") + name + "\"\n");
    WriteFileAtomic(dir_ / name / "log.jsonl", "{\"stage\":\"rl\",\"step\":1,\"reward\":0.5}\n");
  }
  const ShellResult result = RlEval("runs a other=b --out side 2>&1");
  ASSERT_EQ(result.exit_status, 0) << result.output;
  EXPECT_NE(result.output.find("a (1 run)  other (1 run)"), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("reward at the end"), std::string::npos);
  EXPECT_TRUE(fs::exists(dir_ / "side/report.html"));
  const ShellResult none = RlEval("runs a nowhere --out side 2>&1");
  EXPECT_EQ(none.exit_status, 1) << none.output;
  EXPECT_NE(none.output.find("nowhere"), std::string::npos);
  // Without the word, the flags are needed that were always needed.
  const ShellResult flags = RlEval("--suite core --out side 2>&1");
  EXPECT_EQ(flags.exit_status, 2);
  EXPECT_NE(flags.output.find("--model is required"), std::string::npos) << flags.output;
}

TEST_F(ModelCommandTest, EvalTakesASuiteAndSeveralModels) {
  WriteFileAtomic(dir_ / "suite.toml", R"(["what is likelier"]
kind = "choice"
file = "choices.jsonl"
prompting = "plain"

["a text"]
kind = "text"
file = "text.txt"

["a question"]
kind = "generation"
file = "questions.jsonl"
extractors = ["number", "contains"]
max_new_tokens = 4
)");
  WriteFileAtomic(dir_ / "choices.jsonl",
                  "{\"question\": \"2 + 2\", \"choices\": [\"3\", \"4\"], \"answer\": 1}\n");
  WriteFileAtomic(dir_ / "questions.jsonl", "{\"question\": \"2 + 2\", \"answer\": 4}\n");
  WriteFileAtomic(dir_ / "text.txt", "Some text that says nothing.");
  const ShellResult result = RlEval(
      "--model model --compare ./model --compare model/ --suite suite.toml --out report --json "
      "2>/dev/null");
  ASSERT_EQ(result.exit_status, 0) << result.output;
  const Json results = ParseJson(result.output, "stdout");
  EXPECT_EQ(results.at("models").size(), 3u);
  std::string names;
  for (const Json& metric : results.at("metrics"))
    names += metric.at("metric").get<std::string>() + " ";
  EXPECT_NE(names.find("acc acc_norm acc_bytes masked bits_per_byte masked pass@1"),
            std::string::npos)
      << names;
  EXPECT_NE(names.find("match:contains match:number"), std::string::npos) << names;
  EXPECT_EQ(RlEval("--model model --suite nowhere.toml --out o 2>&1").exit_status, 1);
}

TEST_F(ModelCommandTest, BadUsageSaysWhatToDo) {
  EXPECT_EQ(RlEval("--model model 2>&1").exit_status, 2);
  const ShellResult suite = RlEval("--model model --suite math/shp --out o 2>&1");
  EXPECT_EQ(suite.exit_status, 2);
  EXPECT_NE(suite.output.find("math/shop"), std::string::npos) << suite.output;
  const ShellResult model = RlEval("--model nowhere --suite math/shop --out o 2>&1");
  EXPECT_EQ(model.exit_status, 1);
  EXPECT_NE(model.output.find("nowhere"), std::string::npos);
  EXPECT_FALSE(fs::exists(dir_ / "o"));
}

TEST_F(ModelCommandTest, ChatReadsAPipe) {
  const ShellResult one = RlChat("hi\\n", "--model model --max-tokens 5 --seed 3");
  EXPECT_EQ(one.exit_status, 0);
  EXPECT_EQ(one.output, RlChat("hi\\n", "--model model --max-tokens 5 --seed 3").output);
  const ShellResult twice = RlChat("hi\\n/reset\\n", "--model model --max-tokens 5 --seed 3");
  EXPECT_EQ(twice.output, one.output);
  EXPECT_EQ(RlChat("", "--model nowhere").exit_status, 1);
  EXPECT_EQ(RlChat("", "").exit_status, 2);
}

}  // namespace
}  // namespace agon
