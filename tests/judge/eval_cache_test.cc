#include "judge/eval/eval_cache.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/error.h"
#include "core/progress.h"
#include "judge/eval/benchmark.h"
#include "judge/metrics.h"
#include "judge/report_parts.h"
#include "tests/judge/scripted_policy.h"

namespace agon::judge {
namespace {

class EvalCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    SetProgressEnabled(false);
    folder_ = std::filesystem::path(testing::TempDir()) /
              testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override {
    SetProgressEnabled(true);
    std::filesystem::remove_all(folder_);
  }

  // Counts loads and what was asked; some samples hold bytes that aren't text.
  EvalResult Run(const std::string& hash, int num_tasks,
                 const std::function<void(BenchmarkSpec&)>& change = {}) {
    ScriptedPolicy policy(tokenizer_, [](const std::string& prompt, uint32_t sample) {
      return "Answer: " + std::to_string(prompt.size() + sample) + "\xff";
    });
    num_loads_ = 0;
    const Subject subject{"m", hash, [&] {
                            ++num_loads_;
                            return Player{&policy, &chat_};
                          }};
    std::vector<BenchmarkSpec> suite(1);
    suite[0].name = "b";
    suite[0].env = "math/shop";
    suite[0].num_tasks = num_tasks;
    suite[0].samples_per_task = 2;
    if (change) change(suite[0]);
    EvalResult result = Evaluate(subject, suite, {folder_, 16});
    num_asked_ = policy.prompts.size();
    return result;
  }
  std::filesystem::path File() {
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) return entry.path();
    return {};
  }
  static std::string Bytes(const EvalResult& result) {
    ReportInput input;
    input.models = {result};
    return SamplesJsonl(input.models) + ResultsJson(input);
  }

  std::filesystem::path folder_;
  datasets::Tokenizer tokenizer_ = ByteTokenizer();
  datasets::ChatTemplate chat_{tokenizer_};
  int num_loads_ = 0;
  size_t num_asked_ = 0;
};

TEST_F(EvalCacheTest, TheSecondRunIsTheFirstWithoutTheModel) {
  const EvalResult first = Run("abc", 5);
  EXPECT_EQ(num_asked_, 5u);
  const EvalResult second = Run("abc", 5);
  EXPECT_EQ(num_loads_, 0);
  EXPECT_EQ(Bytes(first), Bytes(second));
  EXPECT_EQ(first.samples[3].completion, second.samples[3].completion);
}

TEST_F(EvalCacheTest, AnotherModelOrSettingIsAnotherKey) {
  Run("abc", 3);
  Run("abd", 3);
  EXPECT_EQ(num_asked_, 3u);
  const auto asks = [&](const std::function<void(BenchmarkSpec&)>& change) {
    Run("abc", 3, change);
    return num_asked_;
  };
  EXPECT_EQ(asks([](BenchmarkSpec& spec) { spec.temperature = 0.5f; }), 3u);
  EXPECT_EQ(asks([](BenchmarkSpec& spec) { spec.seed = 7; }), 3u);
  EXPECT_EQ(asks([](BenchmarkSpec& spec) { spec.samples_per_task = 3; }), 3u);
  EXPECT_EQ(asks([](BenchmarkSpec& spec) { spec.max_new_tokens = 9; }), 3u);
  EXPECT_EQ(asks([](BenchmarkSpec& spec) { spec.prefill = "Well,"; }), 3u);
  EXPECT_EQ(asks([](BenchmarkSpec& spec) { spec.env = "math/shop(difficulty=1)"; }), 3u);
  EXPECT_EQ(asks([](BenchmarkSpec&) {}), 0u);
}

// The key and the tasks' hashes, which together say what a result is of.
std::pair<std::string, std::vector<uint64_t>> WhatDecides(const BenchmarkSpec& spec) {
  const auto benchmark = MakeBenchmark(spec);
  std::vector<uint64_t> hashes;
  for (int64_t i = 0; i < benchmark->num_tasks(); ++i) {
    hashes.push_back(benchmark->TaskHash(static_cast<uint64_t>(i)));
  }
  return {CacheKey("model", *benchmark), hashes};
}

// Each setting of an environment, and then of files.
TEST_F(EvalCacheTest, EverySettingCounts) {
  using Change = std::function<void(BenchmarkSpec&)>;
  const auto expect_all_differ = [](const BenchmarkSpec& spec, const std::vector<Change>& changes) {
    EXPECT_EQ(WhatDecides(spec), WhatDecides(spec));
    for (size_t i = 0; i < changes.size(); ++i) {
      BenchmarkSpec changed = spec;
      changes[i](changed);
      EXPECT_NE(WhatDecides(spec), WhatDecides(changed))
          << "change " << i << " of kind " << static_cast<int>(spec.kind);
    }
  };
  BenchmarkSpec env;
  env.env = "math/shop";
  env.num_tasks = 2;
  expect_all_differ(
      env, {[](auto& s) { s.split = envs::Split::kVal; }, [](auto& s) { s.num_few_shot = 1; },
            [](auto& s) { s.seed = 1; }, [](auto& s) { s.env = "math/shop(difficulty=1)"; },
            [](auto& s) { s.prefill = "Well,"; }, [](auto& s) { s.name = "b"; },
            [](auto& s) { s.temperature = 0.5f; }, [](auto& s) { s.samples_per_task = 2; },
            [](auto& s) { s.max_new_tokens = 9; }});
  std::filesystem::create_directories(folder_);
  const auto file = [&](const std::string& name, const std::string& fields) {
    const std::string line = "\"question\": \"Q\", \"text\": \"t\", \"answer\": \"B\"";
    WriteFileAtomic(folder_ / name, "{" + line + fields + "}\n{\"question\": \"R\", " +
                                        line.substr(line.find("\"text")) + fields + "}\n");
    return (folder_ / name).string();
  };
  const std::string choices = ", \"choices\": [\"ab\", \"c\"]";
  BenchmarkSpec of_file;
  of_file.name = "b";
  of_file.file = file("a.jsonl", choices);
  const std::vector<Change> shared = {
      [&](auto& s) { s.file = file("family.jsonl", choices + ", \"family\": \"f\""); },
      [&](auto& s) { s.file = file("difficulty.jsonl", choices + ", \"difficulty\": 2"); }};
  for (const BenchmarkKind kind :
       {BenchmarkKind::kGeneration, BenchmarkKind::kChoice, BenchmarkKind::kText}) {
    of_file.kind = kind;
    expect_all_differ(of_file, shared);
    if (kind == BenchmarkKind::kText) {
      expect_all_differ(of_file, {[](auto& s) { s.context_tokens = 2; }});
      continue;
    }
    expect_all_differ(
        of_file, {[](auto& s) { s.prompting = Prompting::kPlain; },
                  [](auto& s) { s.prompt = "{question}!"; }, [](auto& s) { s.num_few_shot = 1; },
                  [&](auto& s) { s.num_few_shot = 1, s.few_shot_file = s.file; }});
  }
  of_file.kind = BenchmarkKind::kGeneration;
  expect_all_differ(of_file, {[](auto& s) { s.extractors = {"exact"}; },
                              [](auto& s) { s.extractors = {"judge:reference"}; },
                              [](auto& s) { s.until = {"stop"}; }});
  of_file.kind = BenchmarkKind::kChoice;
  expect_all_differ(of_file,
                    {[](auto& s) { s.letters = true; },
                     [&](auto& s) { s.file = file("b.jsonl", ", \"choices\": [\"a\", \"bc\"]"); }});
}

TEST_F(EvalCacheTest, MoreTasksReuseThoseThatAreThere) {
  Run("abc", 3);
  const EvalResult more = Run("abc", 5);
  EXPECT_EQ(num_asked_, 2u);
  std::filesystem::remove_all(folder_);
  const EvalResult fresh = Run("abc", 5);
  EXPECT_EQ(more.samples.size(), fresh.samples.size());
  for (size_t i = 0; i < more.samples.size(); ++i) {
    EXPECT_EQ(more.samples[i].completion, fresh.samples[i].completion);
  }
}

// A kill may cut the last line anywhere; what follows must not be glued to it.
TEST_F(EvalCacheTest, AnInterruptedRunGoesOn) {
  const EvalResult whole = Run("abc", 4);
  const std::string text = ReadFile(File());
  for (const size_t cut : {text.size() - 1, text.size() - 200, size_t{20}, size_t{0}}) {
    WriteFileAtomic(File(), text.substr(0, cut));
    const EvalResult resumed = Run("abc", 4);
    EXPECT_GT(num_asked_, 0u) << cut;
    EXPECT_EQ(resumed.metrics[0].value, whole.metrics[0].value);
    EXPECT_EQ(resumed.samples.size(), whole.samples.size());
    Run("abc", 4);
    EXPECT_EQ(num_asked_, 0u) << cut;
  }
}

TEST_F(EvalCacheTest, BrokenLinesAreComputedAgain) {
  Run("abc", 2);
  const std::string text = ReadFile(File());
  const size_t second = text.find('\n') + 1;
  for (const std::string& broken :
       {std::string("{\"task\": 0, \"hash\": 3}"), std::string("[]"), std::string("\x00\xff", 2),
        std::string("{\"task\": 0, \"hash\": \"0\", \"seconds\": 1, \"samples\": [{}]}")}) {
    WriteFileAtomic(File(), text.substr(0, second) + broken + "\n");
    Run("abc", 2);
    EXPECT_EQ(num_asked_, 2u) << broken;
  }
}

// The environment's text may change between versions of agon.
TEST_F(EvalCacheTest, ATaskThatAsksSomethingElseIsAnother) {
  EvalCache cache(folder_, "key");
  CachedTask task{11, 0.5, std::vector<SampleRecord>(1)};
  cache.Add(3, task);
  EXPECT_NE(EvalCache(folder_, "key").Find(3, 11), nullptr);
  EXPECT_EQ(EvalCache(folder_, "key").Find(3, 12), nullptr);
  EXPECT_EQ(EvalCache(folder_, "key").Find(4, 11), nullptr);
  EXPECT_EQ(EvalCache(folder_, "another key").Find(3, 11), nullptr);
}

// A sandbox or a judge that failed may be well the next time.
TEST_F(EvalCacheTest, WhatWasMaskedIsComputedAgain) {
  CachedTask failed{11, 0.5, std::vector<SampleRecord>(2)};
  failed.samples[1].masked = true;
  {
    EvalCache cache(folder_, "key");
    EXPECT_TRUE(cache.Add(3, failed).samples[1].masked);
    EXPECT_NE(cache.Find(3, 11), nullptr);
    cache.Add(4, {12, 0.5, std::vector<SampleRecord>(2)});
  }
  EXPECT_EQ(EvalCache(folder_, "key").Find(3, 11), nullptr);
  EXPECT_NE(EvalCache(folder_, "key").Find(4, 12), nullptr);
  // Nor is one read that an older version kept.
  std::string text = ReadFile(File());
  text.replace(text.find("\"masked\":false"), 14, "\"masked\":true");
  WriteFileAtomic(File(), text);
  EXPECT_EQ(EvalCache(folder_, "key").Find(4, 12), nullptr);
}

TEST_F(EvalCacheTest, WithoutAHashOrAFolderNothingIsKept) {
  Run("", 2);
  EXPECT_FALSE(std::filesystem::exists(folder_));
  EvalCache cache("", "key");
  EXPECT_EQ(cache.Add(1, {5, 0, std::vector<SampleRecord>(2)}).samples.size(), 2u);
  EXPECT_NE(cache.Find(1, 5), nullptr);
}

TEST_F(EvalCacheTest, AFolderThatCannotBeIsAnError) {
  EXPECT_THROW(EvalCache("/proc/nothing/here", "key"), Error);
}

}  // namespace
}  // namespace agon::judge
