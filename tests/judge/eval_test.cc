#include "judge/eval.h"

#include <gtest/gtest.h>

#include <set>

#include "core/error.h"
#include "core/file.h"
#include "core/progress.h"
#include "judge/metrics.h"
#include "tests/judge/scripted_policy.h"

namespace agon::judge {
namespace {

constexpr const char* kSuite = "math/shop-v1(difficulty=0)";

SuiteSpec Suite(int num_tasks, int samples_per_task) {
  SuiteSpec suite;
  suite.env = kSuite;
  suite.num_tasks = num_tasks;
  suite.samples_per_task = samples_per_task;
  suite.pass_at = {1};
  return suite;
}

class EvalTest : public testing::Test {
 protected:
  EvalTest() { SetProgressEnabled(false); }
  ~EvalTest() override { SetProgressEnabled(true); }

  // Knows the answers of the first `num_tasks` tasks; `right` says which samples show it.
  ScriptedPolicy Knowing(int num_tasks, std::function<bool(uint64_t, uint32_t)> right) {
    std::vector<std::pair<std::string, std::string>> known;
    const auto env = envs::MakeEnv(kSuite);
    for (int i = 0; i < num_tasks; ++i) {
      const envs::Task task = env->Get(envs::Split::kTest, 42, static_cast<uint64_t>(i));
      known.emplace_back(task.messages.back().content, task.answer);
    }
    const auto script = [known, right](const std::string& prompt, uint32_t sample) {
      for (size_t i = 0; i < known.size(); ++i) {
        if (prompt.find(known[i].first) == std::string::npos) continue;
        return right(i, sample) ? "Answer: " + known[i].second : std::string("I don't know");
      }
      return std::string("?");
    };
    return ScriptedPolicy(tokenizer_, script, 1024);
  }
  EvalResult Run(ScriptedPolicy& policy, const SuiteSpec& suite) {
    const std::vector<SuiteSpec> suites = {suite};
    return Evaluate(policy, chat_, suites, "scripted");
  }

  datasets::Tokenizer tokenizer_ = ByteTokenizer();
  datasets::ChatTemplate chat_{tokenizer_};
};

TEST_F(EvalTest, MeasuresWhatThePolicyKnows) {
  ScriptedPolicy policy =
      Knowing(8, [](uint64_t task, uint32_t sample) { return task % 2 == 0 || sample == 0; });
  SuiteSpec suite = Suite(8, 4);
  suite.pass_at = {1, 2, 4};
  const EvalResult result = Run(policy, suite);
  EXPECT_EQ(result.model, "scripted");
  ASSERT_EQ(result.samples.size(), 32u);
  // Even tasks 4 of 4, odd tasks 1 of 4: pass@1 = 5/8; pass@2 of an odd task is
  // 1 - C(3,2)/C(4,2) = 1/2.
  EXPECT_DOUBLE_EQ(FindMetric(result, kSuite, "pass@1")->value, 0.625);
  EXPECT_DOUBLE_EQ(FindMetric(result, kSuite, "pass@2")->value, 0.75);
  EXPECT_DOUBLE_EQ(FindMetric(result, kSuite, "pass@4")->value, 1);
  EXPECT_EQ(FindMetric(result, kSuite, "pass@1")->n, 8);
  EXPECT_EQ(FindMetric(result, kSuite, "masked")->value, 0);
  EXPECT_EQ(FindMetric(result, kSuite, "truncated")->value, 0);
}

TEST_F(EvalTest, RecordsHoldWhatReportsShow) {
  ScriptedPolicy policy = Knowing(3, [](uint64_t task, uint32_t) { return task != 1; });
  const EvalResult result = Run(policy, Suite(3, 2));
  const envs::Task task = envs::MakeEnv(kSuite)->Get(envs::Split::kTest, 42, 2);
  const SampleRecord& record = result.samples[5];
  EXPECT_EQ(record.task_index, 2u);
  EXPECT_EQ(record.sample, 1u);
  EXPECT_EQ(record.prompt, task.messages[0].content);
  EXPECT_EQ(record.answer, task.answer);
  EXPECT_EQ(record.completion, "Answer: " + task.answer);
  EXPECT_EQ(record.family, task.family);
  EXPECT_EQ(record.num_tokens, static_cast<int>(record.completion.size()) + 1);
  EXPECT_TRUE(record.correct);
  EXPECT_FALSE(result.samples[2].correct);
}

TEST_F(EvalTest, TruncationIsMeasured) {
  ScriptedPolicy policy = Knowing(4, [](uint64_t task, uint32_t) { return task < 3; });
  SuiteSpec suite = Suite(4, 1);
  suite.max_new_tokens = 12;  // holds "Answer: NN" and its stop token
  const EvalResult result = Run(policy, suite);
  EXPECT_DOUBLE_EQ(FindMetric(result, kSuite, "truncated")->value, 0.25);
  EXPECT_TRUE(result.samples[3].truncated);
}

TEST_F(EvalTest, GreedyTakesOneSample) {
  ScriptedPolicy policy = Knowing(2, [](uint64_t, uint32_t) { return true; });
  SuiteSpec suite = Suite(2, 4);
  suite.pass_at = {1, 4};
  suite.temperature = 0;
  const EvalResult result = Run(policy, suite);
  EXPECT_EQ(result.samples.size(), 2u);
  EXPECT_EQ(policy.last_sampling.temperature, 0);
  EXPECT_EQ(FindMetric(result, kSuite, "pass@4"), nullptr);
}

TEST_F(EvalTest, ManyTasksGoInSeveralRoundsWithoutChangingTheKeys) {
  ScriptedPolicy policy = Knowing(1, [](uint64_t, uint32_t) { return true; });
  const EvalResult result = Run(policy, Suite(12, 256));
  EXPECT_EQ(result.samples.size(), 12u * 256);
  std::set<uint64_t> keys;
  for (const auto& prompt : policy.prompts) keys.insert(prompt.task);
  EXPECT_EQ(keys.size(), 12u);
}

TEST_F(EvalTest, RefusesSuitesThatMakeNoSense) {
  ScriptedPolicy policy = Knowing(1, [](uint64_t, uint32_t) { return true; });
  const auto refused = [&](const std::function<void(SuiteSpec&)>& change) {
    SuiteSpec suite = Suite(2, 2);
    change(suite);
    try {
      Run(policy, suite);
    } catch (const Error& error) {
      return error.kind() == ErrorKind::kUsage && policy.prompts.empty();
    }
    return false;
  };
  EXPECT_TRUE(refused([](SuiteSpec& suite) { suite.pass_at = {1, 4}; }));
  EXPECT_TRUE(refused([](SuiteSpec& suite) { suite.num_tasks = 0; }));
  EXPECT_TRUE(refused([](SuiteSpec& suite) { suite.samples_per_task = 0; }));
  EXPECT_TRUE(refused([](SuiteSpec& suite) { suite.temperature = -1; }));
  EXPECT_TRUE(refused([](SuiteSpec& suite) { suite.max_new_tokens = 0; }));
  EXPECT_TRUE(refused([](SuiteSpec& suite) { suite.env = "math/nothing"; }));
}

TEST(SuiteTest, ANameIsASuiteOfDefaults) {
  const auto suites = LoadSuites("math/shop");
  ASSERT_EQ(suites.size(), 1u);
  EXPECT_EQ(suites[0].env, "math/shop-v1");
  EXPECT_EQ(suites[0].num_tasks, 500);
  EXPECT_EQ(LoadSuites("math/shop(difficulty=1)")[0].env, "math/shop-v1(difficulty=1)");
  EXPECT_THROW(LoadSuites("math/shp"), Error);
}

TEST(SuiteTest, AFileListsSuites) {
  const std::filesystem::path file = std::filesystem::path(testing::TempDir()) / "suite.json";
  WriteFileAtomic(file, R"({"suites": [{"env": "math/shop", "num_tasks": 7, "split": "val",
      "pass_at": [1, 2], "temperature": 0.5}, {"env": "math/countdown"}]})");
  const auto suites = LoadSuites(file.string());
  ASSERT_EQ(suites.size(), 2u);
  EXPECT_EQ(suites[0].num_tasks, 7);
  EXPECT_EQ(suites[0].split, envs::Split::kVal);
  EXPECT_EQ(suites[0].pass_at, (std::vector<int>{1, 2}));
  EXPECT_EQ(suites[0].temperature, 0.5f);
  EXPECT_EQ(suites[1].env, "math/countdown");
}

TEST(SuiteTest, ABadFileNamesTheFault) {
  const std::filesystem::path file = std::filesystem::path(testing::TempDir()) / "bad.json";
  const auto message = [&](const std::string& text) {
    WriteFileAtomic(file, text);
    try {
      LoadSuites(file.string());
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const auto mentions = [&](const std::string& text, const std::string& part) {
    return message(text).find(part) != std::string::npos;
  };
  EXPECT_TRUE(mentions("{", "byte"));
  EXPECT_TRUE(mentions("{\"suites\": []}", "no list of suites"));
  EXPECT_TRUE(mentions(R"({"suites": [{"env": "a", "tasks": 3}]})", "\"tasks\""));
  EXPECT_TRUE(mentions(R"({"suites": [{"env": "a", "num_tasks": "3"}]})", "num_tasks"));
  EXPECT_TRUE(mentions(R"({"suites": [{"env": "a", "split": "exam"}]})", "exam"));
  EXPECT_TRUE(mentions(R"({"suites": [{"num_tasks": 3}]})", "env"));
}

}  // namespace
}  // namespace agon::judge
