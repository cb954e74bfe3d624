// Kinds of benchmarks whose tasks stand in a file, and scores that don't depend on batches.
#include "judge/eval/benchmark.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "core/error.h"
#include "core/file.h"
#include "core/progress.h"
#include "judge/metrics.h"
#include "judge/report_parts.h"
#include "tests/judge/tiny_model.h"

namespace agon::judge {
namespace {

// Scores a byte token by a table, whatever stands before it.
class TablePolicy final : public ScriptedPolicy {
 public:
  TablePolicy(const datasets::Tokenizer& tokenizer, int max_positions = 512)
      : ScriptedPolicy(
            tokenizer, [](const std::string&, uint32_t) { return "?"; }, max_positions) {}
  policy::TokenScores Score(const policy::PackedBatch& batch) override {
    policy::TokenScores scores;
    for (const int32_t target : batch.targets) {
      const auto found = logprobs.find(static_cast<char>(target));
      scores.logprobs.push_back(found == logprobs.end() ? -10.0f : found->second);
    }
    return scores;
  }
  std::map<char, float> logprobs;
};

class BenchmarkTest : public testing::Test {
 protected:
  BenchmarkTest() { SetProgressEnabled(false); }
  ~BenchmarkTest() override { SetProgressEnabled(true); }

  BenchmarkSpec Spec(BenchmarkKind kind, const std::string& lines,
                     const std::string& name = "tasks.jsonl") {
    // Tests run side by side.
    const auto folder = std::filesystem::path(testing::TempDir()) /
                        testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(folder);
    const auto file = folder / name;
    WriteFileAtomic(file, lines);
    BenchmarkSpec spec;
    spec.name = "b";
    spec.kind = kind;
    spec.file = file.string();
    spec.prompting = Prompting::kPlain;
    return spec;
  }
  EvalResult Run(policy::Policy& policy, const BenchmarkSpec& spec) {
    const std::vector<BenchmarkSpec> suite = {spec};
    return Evaluate(policy, chat_, suite, "m");
  }
  static double Value(const EvalResult& result, const std::string& metric) {
    const Metric* found = FindMetric(result, "b", metric);
    return found ? found->value : NAN;
  }

  datasets::Tokenizer tokenizer_ = ByteTokenizer();
  datasets::ChatTemplate chat_{tokenizer_};
};

// log p: " " -1, a -1, b -2.5, u-umlaut's two bytes -0.5 each.
//   "aaa" -4 (with its space), per character -4/3, per byte -4/3
//   "b"   -3.5,                per character -3.5, per byte -3.5
//   "ü"   -2,                  per character -2,   per byte -1
TEST_F(BenchmarkTest, ChoicesAreScoredAsLmEvalDoes) {
  TablePolicy policy(tokenizer_);
  policy.logprobs = {{' ', -1}, {'a', -1}, {'b', -2.5}, {'\xc3', -0.5}, {'\xbc', -0.5}};
  const auto line = [](const std::string& choices, int answer) {
    return "{\"question\": \"Q\", \"choices\": " + choices +
           ", \"answer\": " + std::to_string(answer) + "}\n";
  };
  // Sums choose b; both norms choose aaa. Then sums choose ü, characters aaa, bytes ü.
  const EvalResult result = Run(
      policy, Spec(BenchmarkKind::kChoice, line(R"(["aaa", "b"])", 1) + line(R"(["aaa", "b"])", 0) +
                                               line(R"(["aaa", "ü"])", 1)));
  ASSERT_EQ(result.samples.size(), 3u);
  const auto scores = [&](size_t i) { return result.samples[i].scores; };
  EXPECT_EQ(scores(0),
            (std::map<std::string, double>{{"acc", 1}, {"acc_bytes", 0}, {"acc_norm", 0}}));
  EXPECT_EQ(scores(1),
            (std::map<std::string, double>{{"acc", 0}, {"acc_bytes", 1}, {"acc_norm", 1}}));
  EXPECT_EQ(scores(2),
            (std::map<std::string, double>{{"acc", 1}, {"acc_bytes", 1}, {"acc_norm", 0}}));
  EXPECT_EQ(result.metrics[0].metric, "acc");
  EXPECT_DOUBLE_EQ(Value(result, "acc"), 2.0 / 3);
  EXPECT_DOUBLE_EQ(Value(result, "acc_norm"), 1.0 / 3);
  EXPECT_EQ(result.samples[0].extracted, "b");
}

TEST_F(BenchmarkTest, TheFirstOfEqualChoicesCounts) {
  TablePolicy policy(tokenizer_);
  const EvalResult result =
      Run(policy, Spec(BenchmarkKind::kChoice,
                       "{\"question\": \"Q\", \"choices\": [\"x\", \"y\"], \"answer\": 0}\n"));
  EXPECT_EQ(Value(result, "acc"), 1);
}

TEST_F(BenchmarkTest, LettersStandForChoices) {
  TablePolicy policy(tokenizer_);
  policy.logprobs = {{'B', -1}};
  BenchmarkSpec spec =
      Spec(BenchmarkKind::kChoice,
           "{\"question\": \"Q\", \"choices\": [\"x\", \"a long one\"], \"answer\": 1}\n");
  spec.letters = true;
  const EvalResult result = Run(policy, spec);
  EXPECT_EQ(Value(result, "acc"), 1);
  EXPECT_EQ(result.samples[0].prompt, "Question: Q\nA. x\nB. a long one\nAnswer:");
}

TEST_F(BenchmarkTest, ChoicesThatDoNotFitAreMasked) {
  TablePolicy policy(tokenizer_, 24);
  const std::string line = "{\"question\": \"Q\", \"choices\": [\"x\", \"y\"], \"answer\": 0}\n";
  const std::string longer =
      "{\"question\": \"longer than it\", \"choices\": [\"x\", \"y\"], \"answer\": 0}\n";
  const EvalResult result = Run(policy, Spec(BenchmarkKind::kChoice, longer + line));
  EXPECT_TRUE(result.samples[0].masked);
  EXPECT_FALSE(result.samples[1].masked);
  EXPECT_EQ(FindMetric(result, "b", "acc")->n, 1);
}

// Every byte costs ln 2 or twice that: "aab" is (1 + 1 + 2) bits of 3 bytes.
TEST_F(BenchmarkTest, BitsPerByteByHand) {
  TablePolicy policy(tokenizer_, 4);
  const auto ln2 = static_cast<float>(std::numbers::ln2);
  policy.logprobs = {{'a', -ln2}, {'b', -2 * ln2}};
  const EvalResult result =
      Run(policy, Spec(BenchmarkKind::kText, "{\"text\": \"aab\"}\n{\"text\": \"bbbbbbbbb\"}\n"));
  EXPECT_NEAR(Value(result, "bits_per_byte"), (4.0 + 18) / 12, 1e-6);
  EXPECT_EQ(result.samples[1].num_tokens, 9);
}

TEST_F(BenchmarkTest, MoreContextPredictsTheSameTokens) {
  const auto policy = TinyPolicy(tokenizer_, 5, 32);
  BenchmarkSpec spec = Spec(BenchmarkKind::kText, std::string(100, 'a') + " and more", "plain.txt");
  const double least = Value(Run(*policy, spec), "bits_per_byte");
  spec.context_tokens = 16;
  const double more = Value(Run(*policy, spec), "bits_per_byte");
  EXPECT_GT(least, 0);
  EXPECT_NE(least, more);
  EXPECT_NEAR(least, more, 0.2 * least);
  spec.context_tokens = 33;
  EXPECT_THROW(Run(*policy, spec), Error);
}

// What each way of looking sees in one answer.
TEST_F(BenchmarkTest, ExtractorsAreReportedSideBySide) {
  ScriptedPolicy policy(tokenizer_, [](const std::string& prompt, uint32_t sample) {
    if (prompt.find("first") == std::string::npos) return std::string("I think it is 12.");
    return sample == 0 ? std::string("6 + 6\nAnswer: 12") : std::string("Answer: 13, not 12");
  });
  BenchmarkSpec spec = Spec(BenchmarkKind::kGeneration,
                            "{\"question\": \"the first\", \"answer\": 12}\n"
                            "{\"question\": \"the other\", \"answer\": 12}\n");
  spec.prompting = Prompting::kChat;
  spec.samples_per_task = 2;
  spec.extractors = {"math", "number"};
  const EvalResult result = Run(policy, spec);
  EXPECT_EQ(result.metrics[0].metric, "pass@1");
  // Marked answers: one of four. Last numbers: all four.
  EXPECT_DOUBLE_EQ(Value(result, "pass@1"), 0.25);
  EXPECT_DOUBLE_EQ(Value(result, "match:math"), 0.25);
  EXPECT_DOUBLE_EQ(Value(result, "match:number"), 1);
  EXPECT_TRUE(TraitsOf("match:number").is_share);
  spec.extractors = {"maths"};
  EXPECT_THROW(Run(policy, spec), Error);
}

// Where a judge decides its score leads, on its own scale; a second one is found by its whole name,
// slashes and all. The judges are rubrics: at most as many characters as they say, falling to 0
// over as many again.
TEST_F(BenchmarkTest, JudgesScoreAnswers) {
  ScriptedPolicy policy(tokenizer_, [](const std::string& prompt, uint32_t sample) {
    return std::string(prompt.find("first") != std::string::npos ? 10 : 12, 'x') +
           std::string(sample * 2, 'y');
  });
  const std::string lines = "{\"question\": \"the first\"}\n{\"question\": \"the other\"}\n";
  BenchmarkSpec spec = Spec(BenchmarkKind::kGeneration, lines);
  const auto rubric = [&](const std::string& name, const std::string& bounds) {
    const auto file = std::filesystem::path(spec.file).parent_path() / name;
    WriteFileAtomic(file, "[[rule]]\nname = \"r\"\nkind = \"length\"\nunit = \"chars\"\n" + bounds);
    return "judge:rubric:" + file.string();
  };
  spec.prompting = Prompting::kChat;
  spec.samples_per_task = 2;
  const std::string second = rubric("second.toml", "max = 11\n");
  spec.extractors = {rubric("first.toml", "max = 10\nslack = 10\n"), second};
  const EvalResult result = Run(policy, spec);
  EXPECT_EQ(result.metrics[0].metric, "score");
  // Lengths 10, 12, 12, 14: scores 1, 0.8, 0.8, 0.6; of the second judge 1, 0, 0, 0.
  EXPECT_NEAR(result.metrics[0].value, 0.8, 1e-12);
  EXPECT_EQ(result.metrics[0].n, 2);
  EXPECT_NEAR(Value(result, second), 0.25, 1e-12);
  EXPECT_EQ(FindMetric(result, "b", "pass@1"), nullptr);
  EXPECT_FALSE(HasRightAnswers(result, "b"));
  EXPECT_NEAR(result.samples[3].reward, 0.6, 1e-12);
  // Where answers are found, too, each line needs one.
  spec.extractors = {"exact", second};
  EXPECT_THROW(Run(policy, spec), Error);
  // What its judge masks is counted, and its score still leads.
  BenchmarkSpec failing = spec;
  failing.extractors = {"judge:reward:http://127.0.0.1:1/get_reward"};
  const EvalResult masked = Run(policy, failing);
  EXPECT_EQ(masked.metrics[0].metric, "score");
  EXPECT_EQ(Value(masked, "masked"), 4);
}

TEST_F(BenchmarkTest, PlainAnswersEndAtABlankLineOrAStop) {
  ScriptedPolicy policy(tokenizer_, [](const std::string& prompt, uint32_t) {
    EXPECT_TRUE(prompt.ends_with("\nAnswer:")) << prompt;
    return std::string(" 12 apples. Question: 13\n\nQuestion: 14");
  });
  BenchmarkSpec spec = Spec(BenchmarkKind::kGeneration, "{\"question\": \"Q\", \"answer\": 12}\n");
  spec.samples_per_task = 1;
  spec.extractors = {"number"};
  EXPECT_EQ(Run(policy, spec).samples[0].completion, " 12 apples. Question: 13");
  spec.until = {"Question:"};
  const EvalResult result = Run(policy, spec);
  EXPECT_EQ(result.samples[0].completion, " 12 apples. ");
  EXPECT_EQ(Value(result, "match:number"), 1);
  EXPECT_FALSE(result.samples[0].truncated);
}

TEST_F(BenchmarkTest, RefusesWhatMakesNoSense) {
  TablePolicy policy(tokenizer_);
  BenchmarkSpec spec;
  spec.kind = BenchmarkKind::kChoice;
  EXPECT_THROW(Run(policy, spec), Error);
  spec.file = "/no/such/file";
  EXPECT_THROW(Run(policy, spec), Error);
  spec.kind = BenchmarkKind::kEnvironment;
  EXPECT_THROW(Run(policy, spec), Error);
}

// The same bits whether answers are decoded one by one, sixteen or sixty-four at a time.
TEST_F(BenchmarkTest, ScoresDoNotDependOnTheBatch) {
  const auto policy = TinyPolicy(tokenizer_, 9);
  std::vector<BenchmarkSpec> suite(2);
  suite[0].name = "shop";
  suite[0].env = "math/shop";
  suite[1].name = "calculator";
  suite[1].env = "text/spelling";
  suite[1].prefill = "Answer:";
  for (BenchmarkSpec& spec : suite) {
    spec.num_tasks = 8;
    spec.samples_per_task = 4;
    spec.max_new_tokens = 16;
  }
  const auto bytes = [&](int max_rows) {
    const Subject subject{"m", "", [&] { return Player{policy.get(), &chat_}; }};
    ReportInput input;
    input.models = {Evaluate(subject, suite, {{}, max_rows})};
    for (BenchmarkRun& run : input.models[0].benchmarks) run.seconds = 0;
    return SamplesJsonl(input.models) + ResultsJson(input);
  };
  const std::string one = bytes(1);
  EXPECT_TRUE(one == bytes(16));
  EXPECT_TRUE(one == bytes(64));
}

}  // namespace
}  // namespace agon::judge
