#include "judge/eval.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/file.h"
#include "core/progress.h"
#include "judge/metrics.h"
#include "tests/judge/scripted_policy.h"
#include "tests/paths.h"

namespace agon::judge {
namespace {

constexpr const char* kName = "math/shop-v1(difficulty=0)";

BenchmarkSpec Spec(int num_tasks, int samples_per_task) {
  BenchmarkSpec spec;
  spec.name = spec.env = kName;
  spec.num_tasks = num_tasks;
  spec.samples_per_task = samples_per_task;
  return spec;
}

class EvalTest : public testing::Test {
 protected:
  EvalTest() { SetProgressEnabled(false); }
  ~EvalTest() override { SetProgressEnabled(true); }

  // Knows the answers of the first `num_tasks` tasks; `right` says which samples show it.
  ScriptedPolicy Knowing(int num_tasks, std::function<bool(uint64_t, uint32_t)> right) {
    std::vector<std::pair<std::string, std::string>> known;
    const auto env = envs::MakeEnv(kName);
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
  EvalResult Run(ScriptedPolicy& policy, const BenchmarkSpec& spec) {
    const std::vector<BenchmarkSpec> suite = {spec};
    return Evaluate(policy, chat_, suite, "scripted");
  }

  datasets::Tokenizer tokenizer_ = ByteTokenizer();
  datasets::ChatTemplate chat_{tokenizer_};
};

TEST_F(EvalTest, MeasuresWhatThePolicyKnows) {
  ScriptedPolicy policy =
      Knowing(8, [](uint64_t task, uint32_t sample) { return task % 2 == 0 || sample == 0; });
  BenchmarkSpec spec = Spec(8, 4);
  const EvalResult result = Run(policy, spec);
  EXPECT_EQ(result.model, "scripted");
  ASSERT_EQ(result.samples.size(), 32u);
  // Even tasks 4 of 4, odd tasks 1 of 4: pass@1 = 5/8; pass@2 of an odd task is
  // 1 - C(3,2)/C(4,2) = 1/2.
  EXPECT_DOUBLE_EQ(FindMetric(result, kName, "pass@1")->value, 0.625);
  EXPECT_DOUBLE_EQ(FindMetric(result, kName, "pass@2")->value, 0.75);
  EXPECT_DOUBLE_EQ(FindMetric(result, kName, "pass@4")->value, 1);
  EXPECT_EQ(FindMetric(result, kName, "pass@1")->n, 8);
  EXPECT_EQ(FindMetric(result, kName, "masked")->value, 0);
  EXPECT_EQ(FindMetric(result, kName, "truncated")->value, 0);
}

TEST_F(EvalTest, RecordsHoldWhatReportsShow) {
  ScriptedPolicy policy = Knowing(3, [](uint64_t task, uint32_t) { return task != 1; });
  const EvalResult result = Run(policy, Spec(3, 2));
  const envs::Task task = envs::MakeEnv(kName)->Get(envs::Split::kTest, 42, 2);
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
  BenchmarkSpec spec = Spec(4, 1);
  spec.max_new_tokens = 12;  // holds "Answer: NN" and its stop token
  const EvalResult result = Run(policy, spec);
  EXPECT_DOUBLE_EQ(FindMetric(result, kName, "truncated")->value, 0.25);
  EXPECT_TRUE(result.samples[3].truncated);
}

TEST_F(EvalTest, GreedyTakesOneSample) {
  ScriptedPolicy policy = Knowing(2, [](uint64_t, uint32_t) { return true; });
  BenchmarkSpec spec = Spec(2, 4);
  spec.temperature = 0;
  const EvalResult result = Run(policy, spec);
  EXPECT_EQ(result.samples.size(), 2u);
  EXPECT_EQ(policy.last_sampling.temperature, 0);
  EXPECT_EQ(FindMetric(result, kName, "pass@4"), nullptr);
}

TEST_F(EvalTest, ManyTasksGoInSeveralRoundsWithoutChangingTheKeys) {
  ScriptedPolicy policy = Knowing(1, [](uint64_t, uint32_t) { return true; });
  const EvalResult result = Run(policy, Spec(12, 256));
  EXPECT_EQ(result.samples.size(), 12u * 256);
  std::set<uint64_t> keys;
  for (const auto& prompt : policy.prompts) keys.insert(prompt.task);
  EXPECT_EQ(keys.size(), 12u);
}

TEST_F(EvalTest, RefusesSuitesThatMakeNoSense) {
  ScriptedPolicy policy = Knowing(1, [](uint64_t, uint32_t) { return true; });
  const auto refused = [&](const std::function<void(BenchmarkSpec&)>& change) {
    BenchmarkSpec spec = Spec(2, 2);
    change(spec);
    try {
      Run(policy, spec);
    } catch (const Error& error) {
      return error.kind() == ErrorKind::kUsage && policy.prompts.empty();
    }
    return false;
  };
  EXPECT_TRUE(refused([](BenchmarkSpec& spec) { spec.prompting = Prompting::kPlain; }));
  EXPECT_TRUE(refused([](BenchmarkSpec& spec) { spec.num_tasks = 0; }));
  EXPECT_TRUE(refused([](BenchmarkSpec& spec) { spec.samples_per_task = 0; }));
  EXPECT_TRUE(refused([](BenchmarkSpec& spec) { spec.temperature = -1; }));
  EXPECT_TRUE(refused([](BenchmarkSpec& spec) { spec.max_new_tokens = 0; }));
  EXPECT_TRUE(refused([](BenchmarkSpec& spec) { spec.env = "math/nothing"; }));
}

TEST_F(EvalTest, TasksThatDoNotFitAreMasked) {
  ScriptedPolicy policy(
      tokenizer_, [](const std::string&, uint32_t) { return "?"; }, 40);
  const EvalResult result = Run(policy, Spec(3, 2));
  EXPECT_TRUE(policy.prompts.empty());
  ASSERT_EQ(result.samples.size(), 6u);
  EXPECT_TRUE(result.samples[5].masked);
  EXPECT_NE(result.samples[5].reason.find("context of 40"), std::string::npos);
  EXPECT_EQ(FindMetric(result, kName, "masked")->value, 6);
  EXPECT_EQ(FindMetric(result, kName, "pass@1")->n, 0);
}

// The prompt says "Answer: " for the model, which goes on with the number alone.
TEST_F(EvalTest, PrefilledWordsAreAskedAndGraded) {
  const envs::Task task = envs::MakeEnv(kName)->Get(envs::Split::kTest, 42, 0);
  ScriptedPolicy policy(tokenizer_, [&](const std::string& prompt, uint32_t) {
    return prompt.ends_with("Answer:") ? " " + task.answer : "no";
  });
  BenchmarkSpec spec = Spec(1, 1);
  spec.prefill = "Answer:";
  const EvalResult result = Run(policy, spec);
  EXPECT_TRUE(result.samples[0].correct);
  EXPECT_EQ(result.samples[0].completion, "Answer: " + task.answer);
  EXPECT_EQ(result.samples[0].num_tokens, static_cast<int>(task.answer.size()) + 2);
}

TEST_F(EvalTest, FewShotExamplesAreSolvedTrainingTasks) {
  ScriptedPolicy policy(
      tokenizer_, [](const std::string&, uint32_t) { return "?"; }, 4096);
  BenchmarkSpec spec = Spec(2, 1);
  spec.num_few_shot = 3;
  const EvalResult result = Run(policy, spec);
  const std::string prompt = tokenizer_.Decode(policy.prompts[0].tokens);
  size_t num_answers = 0;
  for (size_t at = 0; (at = prompt.find("Answer: ", at)) != std::string::npos; ++at) ++num_answers;
  EXPECT_EQ(num_answers, 3u);
  const envs::Task task = envs::MakeEnv(kName)->Get(envs::Split::kTest, 42, 0);
  EXPECT_EQ(prompt.find(task.messages[0].content), prompt.rfind(task.messages[0].content));
  // Drawn by the task, not by its place: the same prompt alone.
  ScriptedPolicy again(
      tokenizer_, [](const std::string&, uint32_t) { return "?"; }, 4096);
  spec.num_tasks = 1;
  Run(again, spec);
  EXPECT_EQ(again.prompts[0].tokens, policy.prompts[0].tokens);
}

TEST(SuiteTest, ANameIsASuiteOfDefaults) {
  const auto suite = LoadSuite("math/shop");
  ASSERT_EQ(suite.size(), 1u);
  EXPECT_EQ(suite[0].env, "math/shop-v1");
  EXPECT_EQ(suite[0].name, "math/shop-v1");
  EXPECT_EQ(suite[0].num_tasks, 500);
  EXPECT_EQ(LoadSuite("math/shop(difficulty=1)")[0].env, "math/shop-v1(difficulty=1)");
  EXPECT_THROW(LoadSuite("math/shp"), Error);
}

TEST(SuiteTest, CoreHasEveryEnvironmentThatStandsAlone) {
  std::vector<std::string> names;
  for (const BenchmarkSpec& spec : LoadSuite("core")) {
    names.push_back(spec.env);
    EXPECT_EQ(spec.split, envs::Split::kTest);
  }
  const auto has = [&](const char* name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  EXPECT_TRUE(has("math/shop-v1"));
  EXPECT_TRUE(has("game/connect4-v1"));
  EXPECT_FALSE(has("math/jsonl-v1"));
  EXPECT_GT(names.size(), 20u);
}

TEST(SuiteTest, JaggedAsksTheSameAtOnceAndInSteps) {
  const auto suite = LoadSuite("jagged");
  EXPECT_GT(suite.size(), 10u);
  const auto find = [&](const std::string& name) {
    return *std::find_if(suite.begin(), suite.end(),
                         [&](const BenchmarkSpec& spec) { return spec.name == name; });
  };
  const BenchmarkSpec at_once = find("arithmetic, at once"),
                      in_steps = find("arithmetic, in steps");
  EXPECT_EQ(at_once.env, in_steps.env);
  EXPECT_EQ(at_once.seed, in_steps.seed);
  EXPECT_EQ(at_once.prefill, "Answer:");
  EXPECT_EQ(in_steps.prefill, "");
  for (const BenchmarkSpec& spec : suite) EXPECT_NO_THROW(envs::MakeEnv(spec.env)) << spec.name;
}

TEST(SuiteTest, AFileListsBenchmarks) {
  const std::filesystem::path file = std::filesystem::path(testing::TempDir()) / "suite.toml";
  WriteFileAtomic(file, R"(["shop, easy"]
env = "math/shop"
num_tasks = 7
split = "val"
temperature = 0.5

[arc]
kind = "choice"
file = "arc.jsonl"
prompting = "plain"
)");
  const auto suite = LoadSuite(file.string());
  ASSERT_EQ(suite.size(), 2u);
  EXPECT_EQ(suite[0].name, "shop, easy");
  EXPECT_EQ(suite[0].num_tasks, 7);
  EXPECT_EQ(suite[0].split, envs::Split::kVal);
  EXPECT_EQ(suite[0].temperature, 0.5f);
  EXPECT_EQ(suite[1].kind, BenchmarkKind::kChoice);
  EXPECT_EQ(suite[1].prompting, Prompting::kPlain);
  // Files stand beside the suite.
  EXPECT_EQ(suite[1].file, (file.parent_path() / "arc.jsonl").string());
}

TEST(SuiteTest, ABadFileNamesTheFault) {
  const std::filesystem::path file = std::filesystem::path(testing::TempDir()) / "bad.toml";
  const auto message = [&](const std::string& text) {
    WriteFileAtomic(file, text);
    try {
      LoadSuite(file.string());
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const auto mentions = [&](const std::string& text, const std::string& part) {
    return message(text).find(part) != std::string::npos;
  };
  EXPECT_TRUE(mentions("[a", "bad.toml"));
  EXPECT_TRUE(mentions("", "no benchmark"));
  EXPECT_TRUE(mentions("env = \"math/shop\"\n", "outside of any benchmark"));
  EXPECT_TRUE(mentions("[a]\nnum_task = 3\n", "a.num_tasks"));
  EXPECT_TRUE(mentions("[a]\nnum_tasks = \"3\"\n", "num_tasks"));
  EXPECT_TRUE(mentions("[a]\nsplit = \"exam\"\n", "exam"));
  EXPECT_THROW(LoadSuite("suite.json"), Error);
}

TEST(SuiteTest, ThePageHasTheTableOfKeys) {
  const auto page = std::filesystem::path(kSourceDir) / "docs/formats/suite.md";
  EXPECT_NE(ReadFile(page).find(SuiteKeysMarkdown()), std::string::npos)
      << "put this into docs/formats/suite.md:\n"
      << SuiteKeysMarkdown();
}

}  // namespace
}  // namespace agon::judge
