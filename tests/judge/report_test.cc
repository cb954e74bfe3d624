#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "judge/eval.h"
#include "judge/metrics.h"
#include "judge/report_parts.h"
#include "judge/text.h"
#include "tests/contains.h"

namespace agon::judge {
namespace {

constexpr const char* kHostile =
    "</script></pre><img src=x onerror=alert(1)>'\"&\x01\x1b[31m\xff\xe2\x80\xae|`";

EvalResult Result(const std::string& model, int num_right) {
  EvalResult result;
  result.model = model;
  for (uint64_t task = 0; task < 8; ++task) {
    SampleRecord sample;
    sample.benchmark = "test/suite-v1";
    sample.family = "family_" + std::to_string(task % 2);
    sample.prompt = "What is 2 < 3?";
    sample.answer = "yes";
    sample.completion = task == 3 ? kHostile : "thinking of " + std::to_string(task);
    sample.task_index = task;
    sample.correct = static_cast<int>(task) < num_right;
    sample.reward = sample.correct;
    sample.num_tokens = 5;
    result.samples.push_back(sample);
  }
  result.benchmarks = {{"test/suite-v1", BenchmarkKind::kEnvironment, "8 tasks", 2.5}};
  result.metrics = ComputeMetrics(result.benchmarks[0], result.samples);
  return result;
}

// A judge scored each of 8 answers.
EvalResult Judged(const std::string& model, double score) {
  EvalResult result = Result(model, 0);
  for (SampleRecord& sample : result.samples) {
    sample.benchmark = "test/judged";
    // Tasks differ, and so do differences.
    sample.reward = sample.scores["score"] = score + (score > 2 && sample.task_index == 0);
  }
  result.benchmarks = {{"test/judged", BenchmarkKind::kGeneration, "8 tasks", 2.5, true}};
  result.metrics = ComputeMetrics(result.benchmarks[0], result.samples);
  return result;
}

class ReportTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = std::filesystem::path(testing::TempDir()) /
           testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(dir_);
    input_.title = "A run";
    input_.models = {Result("before", 2), Result("after", 7)};
    input_.comparisons = Compare(input_.models[0], input_.models[1]);
    input_.facts = {{"machine", "two <cores>"}};
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  std::string Write(const std::string& file) {
    WriteReport(dir_, input_);
    return ReadFile(dir_ / file);
  }
  void WriteLogs() {
    std::filesystem::create_directories(dir_);
    std::string log, timing;
    for (int step = 1; step <= 20; ++step) {
      const std::string place = ",\"step\":" + std::to_string(step);
      log += "{\"stage\":\"sft\"" + place + ",\"loss\":2.5}\n";
      timing += "{\"stage\":\"sft\"" + place + ",\"seconds\":0.5,\"tokens_per_s\":1000}\n";
    }
    for (int step = 1; step <= 20; ++step) {
      log += "{\"stage\":\"rl\",\"step\":" + std::to_string(step) +
             ",\"correct\":0.5,\"length\":12}\n";
    }
    WriteFileAtomic(dir_ / "log.jsonl", log + "{\"stage\":\"rl\",\"st");
    WriteFileAtomic(dir_ / "timing.jsonl", timing);
    input_.run_log = dir_ / "log.jsonl";
  }

  std::filesystem::path dir_;
  ReportInput input_;
};

TEST(TextTest, HtmlIsHarmless) {
  EXPECT_EQ(EscapeHtml("<a href='x'>&\"</a>"), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;&lt;/a&gt;");
  const std::string html = EscapeHtml(kHostile);
  EXPECT_FALSE(Contains(html, "<"));
  EXPECT_FALSE(Contains(html, ">"));
}

TEST(TextTest, BytesBecomeValidAndVisible) {
  EXPECT_EQ(CleanText("a\x01z\x7f\n\t"), "a\xE2\x90\x81z\xE2\x90\xA1\n\t");
  EXPECT_EQ(CleanText("\xff\xc0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(CleanText("\xE2\x80\xAE"), "\xEF\xBF\xBD");                  // right-to-left override
  EXPECT_EQ(CleanText("\xED\xA0\x80").find('\xED'), std::string::npos);  // a surrogate
  EXPECT_EQ(CleanText("grüße €😀"), "grüße €😀");
  EXPECT_EQ(CleanText("cut \xE2\x82"), "cut \xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(CleanText(std::string("\0", 1)), "\xE2\x90\x80");
}

TEST(TextTest, CutsAtACharacter) {
  EXPECT_EQ(CleanText("aü€b", 2), "aü…");
  EXPECT_EQ(CleanText("abc", 3), "abc");
}

TEST(TextTest, MarkdownStaysInItsCell) {
  EXPECT_EQ(EscapeMarkdown("a|b\nc <i> [x](y)"), "a\\|b c &lt;i&gt; \\[x\\]\\(y\\)");
}

TEST(TextTest, Numbers) {
  EXPECT_EQ(FormatPercent(0.4567), "45.7 %");
  EXPECT_EQ(FormatPoints(0.5), "+50.0");
  EXPECT_EQ(FormatPoints(-0.012), "−1.2");
  EXPECT_EQ(FormatShort(0.01234), "0.0123");
  EXPECT_EQ(FormatShort(81234), "81.2 k");
  EXPECT_EQ(FormatShort(-2.345), "−2.35");
  EXPECT_EQ(FormatShort(std::nan("")), "–");
}

TEST_F(ReportTest, PageHasNoScriptAndFetchesNothing) {
  WriteLogs();
  const std::string html = Write("report.html");
  for (const char* bad : {"<script", "<img", "onerror=alert(1)>", "<link", "http://", "https://",
                          "url(", "@import", "javascript:"}) {
    EXPECT_FALSE(Contains(html, bad)) << bad;
  }
  EXPECT_TRUE(Contains(html, "default-src 'none'; style-src 'unsafe-inline'"));
  EXPECT_TRUE(Contains(html, "prefers-color-scheme:dark"));
  for (const char c : {'\x01', '\x1b', '\xff'}) EXPECT_EQ(html.find(c), std::string::npos);
}

TEST_F(ReportTest, ModelOutputIsShownAsText) {
  const std::string html = Write("report.html");
  EXPECT_TRUE(Contains(html, "&lt;/script&gt;&lt;/pre&gt;&lt;img src=x onerror=alert(1)&gt;"));
  EXPECT_TRUE(Contains(html, "What is 2 &lt; 3?"));
  EXPECT_TRUE(Contains(html, "two &lt;cores&gt;"));
}

TEST_F(ReportTest, NamesAreEscapedToo) {
  input_.title = "<u>t</u>";
  input_.facts = {{"<u>k</u>", "<u>v</u>"}};
  for (EvalResult& model : input_.models) {
    model.model = "<u>" + model.model + "</u>";
    for (SampleRecord& sample : model.samples) {
      sample.family = sample.benchmark = sample.reason = sample.answer = sample.extracted =
          "<u>s</u>";
    }
    model.benchmarks[0].name = model.benchmarks[0].settings = "<u>s</u>";
    model.metrics = ComputeMetrics(model.benchmarks[0], model.samples);
  }
  input_.comparisons = Compare(input_.models[0], input_.models[1]);
  const std::string html = Write("report.html"), markdown = Write("report.md");
  for (const std::string* text : {&html, &markdown}) {
    EXPECT_FALSE(Contains(*text, "<u>"));
    for (const char* name : {"t", "k", "v", "before", "after", "s"}) {
      EXPECT_TRUE(Contains(*text, "&lt;u&gt;" + std::string(name) + "&lt;/u&gt;")) << name;
    }
  }
  // In sentences, too.
  EXPECT_TRUE(Contains(html, "<b>&lt;u&gt;after&lt;/u&gt;</b> is better than"));
}

TEST_F(ReportTest, HeadlineShowsBeforeAfterAndInterval) {
  const std::string html = Write("report.html");
  EXPECT_TRUE(Contains(html, "<span class=\"before\">25.0 %</span>"));
  EXPECT_TRUE(Contains(html, "<span class=\"after\">87.5 %</span>"));
  // Differences 0,0,1,1,1,1,1,0: mean 0.625, sd = sqrt(8*0.625*0.375/7) = 0.517549,
  // se = 0.182981, t(0.975, 7) = 2.364624: 0.625 -+ 0.432681.
  EXPECT_TRUE(Contains(html, "<b>+62.5 points</b> [+19.2, +105.8]")) << html.substr(0, 2000);
}

TEST_F(ReportTest, TheFirstScreenSaysWhetherItIsBetter) {
  const std::string html = Write("report.html");
  // t = 0.625 / 0.182981 = 3.4157 with 7 degrees of freedom: p = 0.0112.
  EXPECT_TRUE(
      Contains(html, "<p class=\"verdict better\"><b>after</b> is better than <b>before</b>"));
  EXPECT_TRUE(Contains(html, "p = 0.011"));
  EXPECT_TRUE(Contains(html, "agon · comparison"));
}

TEST_F(ReportTest, WhatIsNotClearComesWithWhatWouldHaveBeenFound) {
  input_.models = {Result("before", 2), Result("after", 3)};
  input_.comparisons = Compare(input_.models[0], input_.models[1]);
  const std::string html = Write("report.html");
  EXPECT_TRUE(Contains(html, "No clear difference between <b>after</b> and <b>before</b>."));
  // One of eight changed: se = sqrt(1/8 * 7/8 * 8/7 / 8) = 0.125, times 2.8016 is 35.0 points.
  EXPECT_TRUE(Contains(html, "A difference of <b>35.0 points</b> would have been found"));
  EXPECT_TRUE(Contains(html, "it takes about 63 tasks instead of 8"));
}

// Three models on two benchmarks: a plot of differences, slices of cheese, a verdict on the mean.
TEST_F(ReportTest, SeveralModelsAndBenchmarks) {
  const auto two = [](const std::string& name, int first, int second) {
    EvalResult result = Result(name, first);
    EvalResult other = Result(name, second);
    other.benchmarks[0].name = "test/other-v1";
    for (SampleRecord& sample : other.samples) sample.benchmark = "test/other-v1";
    other.metrics = ComputeMetrics(other.benchmarks[0], other.samples);
    result.benchmarks.push_back(other.benchmarks[0]);
    result.samples.insert(result.samples.end(), other.samples.begin(), other.samples.end());
    result.metrics.insert(result.metrics.end(), other.metrics.begin(), other.metrics.end());
    return result;
  };
  input_.models = {two("base", 1, 4), two("middle", 3, 4), two("last", 8, 4)};
  // What a judge scored is in no mean of shares, and neither right nor wrong.
  for (EvalResult& model : input_.models) {
    EvalResult judged = Judged(model.model, 2);
    model.benchmarks.push_back(judged.benchmarks[0]);
    model.samples.insert(model.samples.end(), judged.samples.begin(), judged.samples.end());
    model.metrics.insert(model.metrics.end(), judged.metrics.begin(), judged.metrics.end());
  }
  input_.comparisons = CompareWithFirst(input_.models);
  const std::string html = Write("report.html");
  EXPECT_TRUE(Contains(html, "Difference to base"));
  EXPECT_TRUE(Contains(html, "on average over 2 benchmarks"));
  EXPECT_TRUE(Contains(html, "<b>Better</b> at test/suite-v1. "));
  EXPECT_TRUE(Contains(html, "Where the holes are"));
  EXPECT_TRUE(Contains(html, "<a href=\"#task-1-5\">"));
  EXPECT_TRUE(Contains(html, "id=\"task-1-5\""));
  EXPECT_TRUE(Contains(html, "What it took"));
  const std::string text = Write("report.md");
  const std::string verdict = "last is better than base";
  EXPECT_TRUE(Contains(text, verdict + ": better at 1, worse at 0, unclear at 2 of 3 benchmarks"));
  EXPECT_TRUE(Contains(html, "<b>last</b> is better than <b>base</b>."));
  EXPECT_TRUE(Contains(text, "points on average over 2 benchmarks ["));
  EXPECT_TRUE(Contains(text, "| test/other-v1 | pass@1 |"));
}

// Nothing of a judge's benchmark may be called right or wrong.
TEST_F(ReportTest, ScoresAreNeitherRightNorWrong) {
  input_.models = {Judged("before", 2), Judged("after", 3)};
  input_.comparisons = Compare(input_.models[0], input_.models[1]);
  EXPECT_EQ(PairSamples(input_.models[0], input_.models[1]).size(), 0u);
  const BenchmarkCost cost = CostOf(input_.models[0], input_.models[0].benchmarks[0]);
  EXPECT_EQ(cost.num_tokens, 40);
  EXPECT_EQ(cost.num_correct, 0);
  EXPECT_EQ(cost.num_graded_tokens, 0);
  const std::string html = Write("report.html");
  EXPECT_FALSE(Contains(html, "<i class=\"wrong\"></i></span><span class=\"asked\">"));
  EXPECT_FALSE(Contains(html, "mark wrong"));
  EXPECT_FALSE(Contains(html, "What got better"));
  EXPECT_FALSE(Contains(html, "Where the holes are"));
  EXPECT_TRUE(Contains(html, "<b>score 3.00</b> <small>5 tokens"));
  EXPECT_FALSE(Contains(Write("report.md"), "What changed"));
}

// A slice shows some tasks, its number is of all: 200 of which the last 100 are right.
TEST_F(ReportTest, ASliceOfCheeseCountsWhatItDoesNotShow) {
  EvalResult result;
  result.model = "m";
  for (uint64_t task = 0; task < 400; ++task) {
    SampleRecord sample;
    sample.benchmark = "test/suite-v1";
    sample.family = task < 200 ? "first" : "second";
    sample.task_index = task;
    sample.correct = task % 200 >= 100;
    result.samples.push_back(sample);
  }
  result.benchmarks = {{"test/suite-v1", BenchmarkKind::kEnvironment, "400 tasks", 2.5}};
  result.metrics = ComputeMetrics(result.benchmarks[0], result.samples);
  input_.models = {result};
  input_.comparisons.clear();
  EXPECT_TRUE(Contains(Write("report.html"),
                       "<b class=\"after\">50 %</b> m, 200 tasks, the first 120 shown"));
}

TEST_F(ReportTest, CostsAreCounted) {
  // 8 answers of 5 tokens in 2.5 s, 7 right: 16 tokens/s, 40 / 7 for each right one.
  const std::string html = Write("report.html");
  EXPECT_TRUE(Contains(html, "<td>8</td><td>40</td><td>2.5 s</td><td>16.0</td><td>5.71</td>"));
}

TEST_F(ReportTest, GamesAndCurriculaHaveCurvesOfTheirOwn) {
  WriteLogs();
  EXPECT_FALSE(Contains(Write("report.html"), "Elo over the opponent"));
  EXPECT_FALSE(Contains(Write("report.html"), "Curriculum"));
  WriteFileAtomic(dir_ / "log.jsonl",
                  "{\"stage\":\"rl\",\"step\":1,\"correct\":0.5,\"elo\":-12.5,\"level\":0}\n"
                  "{\"stage\":\"rl\",\"step\":2,\"correct\":0.6,\"elo\":70,\"level\":1}\n");
  EXPECT_TRUE(Contains(Write("report.html"), "Elo over the opponent"));
  EXPECT_TRUE(Contains(Write("report.html"), "Curriculum"));
}

TEST_F(ReportTest, ConfusionCountsPairs) {
  const PairedSamples paired = PairSamples(input_.models[0], input_.models[1]);
  EXPECT_EQ(paired.Of(Change::kBetter).size(), 5u);
  EXPECT_EQ(paired.Of(Change::kWorse).size(), 0u);
  EXPECT_EQ(paired.Of(Change::kBothRight).size(), 2u);
  EXPECT_EQ(paired.Of(Change::kBothWrong).size(), 1u);
  input_.models[1].samples[0].masked = true;
  EXPECT_EQ(PairSamples(input_.models[0], input_.models[1]).Of(Change::kBothRight).size(), 1u);
}

TEST_F(ReportTest, CurvesComeFromTheLog) {
  WriteLogs();
  const std::string html = Write("report.html");
  EXPECT_TRUE(Contains(html, "Right answers"));
  EXPECT_TRUE(Contains(html, "Response length"));
  EXPECT_TRUE(Contains(html, "Fine-tuning loss"));
  EXPECT_FALSE(Contains(html, "Pretraining loss"));
  EXPECT_FALSE(Contains(html, "Entropy"));  // not in this log
  const auto stages =
      SummarizeStages({ReadRunLog(dir_ / "log.jsonl"), ReadRunLog(dir_ / "timing.jsonl")});
  ASSERT_EQ(stages.size(), 2u);
  EXPECT_EQ(stages[0].stage, "sft");
  EXPECT_EQ(stages[0].num_steps, 20);
  EXPECT_DOUBLE_EQ(stages[0].seconds, 10);
  EXPECT_DOUBLE_EQ(stages[0].tokens_per_s, 1000);
  EXPECT_DOUBLE_EQ(stages[0].last, 2.5);
  EXPECT_EQ(stages[1].measure, "correct");
  EXPECT_TRUE(std::isnan(stages[1].seconds));
}

TEST_F(ReportTest, ResultsJsonHasTheDocumentedShape) {
  const Json results = ParseJson(Write("results.json"), "results");
  const Json& metric = results.at("metrics").at(0);
  EXPECT_EQ(metric.at("benchmark"), "test/suite-v1");
  EXPECT_EQ(metric.at("metric"), "pass@1");
  EXPECT_DOUBLE_EQ(metric.at("value").get<double>(), 0.25);
  EXPECT_EQ(metric.at("ci95").size(), 2u);
  EXPECT_EQ(metric.at("n"), 8);
  const Json& comparison = results.at("comparisons").at(0);
  EXPECT_EQ(comparison.at("a"), "before");
  EXPECT_EQ(comparison.at("b"), "after");
  EXPECT_DOUBLE_EQ(comparison.at("diff").get<double>(), 0.625);
  EXPECT_EQ(results.at("facts").at("machine"), "two <cores>");
}

TEST_F(ReportTest, UnknownNumbersAreNullInJson) {
  input_.models[0].metrics[0].stderr_ = std::numeric_limits<double>::quiet_NaN();
  const Json results = ParseJson(Write("results.json"), "results");
  EXPECT_TRUE(results.at("metrics").at(0).at("stderr").is_null());
}

TEST_F(ReportTest, AnEvaluationComesBackFromItsFiles) {
  const EvalResult& written = input_.models[1];
  WriteEval(dir_, written);
  const EvalResult read = ReadEval(dir_);
  EXPECT_EQ(read.model, "after");
  ASSERT_EQ(read.metrics.size(), written.metrics.size());
  EXPECT_EQ(read.metrics[0].value, written.metrics[0].value);
  EXPECT_EQ(read.metrics[0].ci_low, written.metrics[0].ci_low);
  ASSERT_EQ(read.samples.size(), written.samples.size());
  EXPECT_EQ(read.samples[2].completion, written.samples[2].completion);
  EXPECT_EQ(read.samples[7].correct, written.samples[7].correct);
  EXPECT_EQ(Compare(read, written)[0].diff, 0);
  WriteFileAtomic(dir_ / "samples.jsonl", "{\"benchmark\":3}\n");
  EXPECT_THROW(ReadEval(dir_), Error);
}

TEST_F(ReportTest, MarkdownHasTheNumbers) {
  WriteLogs();
  const std::string text = Write("report.md");
  EXPECT_TRUE(Contains(text, "25.0 %"));
  EXPECT_TRUE(Contains(text, "+62.5 [+19.2, +105.8]"));
  EXPECT_TRUE(Contains(text, "| sft | 20 | 10.0 s | 1000 |"));
}

TEST_F(ReportTest, OneModelOrNoneStillGivesAReport) {
  input_.models.resize(1);
  input_.comparisons.clear();
  const std::string html = Write("report.html");
  EXPECT_TRUE(Contains(html, "agon · evaluation"));
  EXPECT_TRUE(Contains(html, "id=\"task-0-7\""));
  EXPECT_FALSE(Contains(html, "What got better"));
  input_.models.clear();
  EXPECT_TRUE(Contains(Write("report.html"), "<h1>A run</h1>"));
  EXPECT_TRUE(Contains(Write("report.md"), "# A run"));
}

TEST_F(ReportTest, AFolderThatCannotBeWrittenIsAnError) {
  dir_ = "/proc/nothing/here";
  EXPECT_THROW(Write("report.html"), Error);
}

}  // namespace
}  // namespace agon::judge
