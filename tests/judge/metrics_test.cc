#include "judge/metrics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"

namespace agon::judge {
namespace {

SampleRecord Sample(uint64_t task, uint32_t sample, bool correct, int tokens = 10) {
  SampleRecord record;
  record.benchmark = "test/suite-v1";
  record.family = task < 2 ? "easy" : "hard";
  record.difficulty = task < 2 ? 0 : 3;
  record.task_index = task;
  record.sample = sample;
  record.correct = correct;
  record.reward = correct ? 1 : 0;
  record.num_tokens = tokens;
  return record;
}

EvalResult Result(const std::string& model, std::vector<SampleRecord> samples) {
  EvalResult result;
  result.model = model;
  result.samples = std::move(samples);
  result.benchmarks = {{"test/suite-v1", BenchmarkKind::kEnvironment, ""}};
  result.metrics = ComputeMetrics(result.benchmarks[0], result.samples);
  return result;
}

const Metric& Find(const EvalResult& result, const std::string& name) {
  const Metric* found = FindMetric(result, "test/suite-v1", name);
  EXPECT_NE(found, nullptr) << name;
  static const Metric kNone;
  return found ? *found : kNone;
}

// Tasks 0..3 with two samples: right 2, 1, 0, 1 times.
EvalResult FourTasks() {
  return Result(
      "a", {Sample(0, 0, true, 4), Sample(0, 1, true, 6), Sample(1, 0, true), Sample(1, 1, false),
            Sample(2, 0, false), Sample(2, 1, false), Sample(3, 0, false), Sample(3, 1, true)});
}

TEST(MetricsTest, PassAtKByHand) {
  const EvalResult result = FourTasks();
  // Per task 1, 1/2, 0, 1/2: mean 1/2, sd^2 = (1/4 + 1/4)/3 = 1/6, se = sqrt(1/6)/2.
  EXPECT_DOUBLE_EQ(Find(result, "pass@1").value, 0.5);
  EXPECT_NEAR(Find(result, "pass@1").stderr_, std::sqrt(1.0 / 6) / 2, 1e-12);
  EXPECT_EQ(Find(result, "pass@1").n, 4);
  // Of two samples at least one right: tasks 0, 1 and 3.
  EXPECT_DOUBLE_EQ(Find(result, "pass@2").value, 0.75);
  // Both right: task 0 only. No answers were found, so there is nothing to vote on.
  EXPECT_DOUBLE_EQ(Find(result, "pass^2").value, 0.25);
  EXPECT_EQ(FindMetric(result, "test/suite-v1", "maj@2"), nullptr);
  EXPECT_DOUBLE_EQ(Find(result, "reward").value, 0.5);
  EXPECT_DOUBLE_EQ(Find(result, "length").value, 70.0 / 8);
  EXPECT_DOUBLE_EQ(Find(result, "pass@1/family=easy").value, 0.75);
  EXPECT_EQ(Find(result, "pass@1/family=easy").n, 2);
  EXPECT_DOUBLE_EQ(Find(result, "pass@1/difficulty=3").value, 0.25);
}

TEST(MetricsTest, MajorityVotesOnAnswers) {
  std::vector<SampleRecord> samples = FourTasks().samples;
  for (SampleRecord& sample : samples) sample.extracted = sample.correct ? "4" : "5";
  // Tasks 1 and 3 are ties: (1 + 1/2 + 0 + 1/2) / 4.
  EXPECT_DOUBLE_EQ(Find(Result("a", samples), "maj@2").value, 0.5);
}

TEST(MetricsTest, TraitsTellHowToReadAMetric) {
  EXPECT_TRUE(TraitsOf("pass^4").is_share);
  EXPECT_TRUE(TraitsOf("pass@1/family=share").is_share);
  EXPECT_FALSE(TraitsOf("length").is_share);
  EXPECT_EQ(TraitsOf("length").better, 0);
  EXPECT_EQ(TraitsOf("truncated").better, -1);
  EXPECT_EQ(TraitsOf("reward").better, 1);
  EXPECT_EQ(MetricText("pass@1", 0.5), "50.0 %");
  EXPECT_EQ(DifferenceText("reward", 0.25), "+0.250");
}

TEST(MetricsTest, NamesMayHoldSlashes) {
  const MetricName name = SplitMetricName("pass@1/family=a/b");
  EXPECT_EQ(name.of, "pass@1");
  EXPECT_EQ(name.key, "family");
  EXPECT_EQ(name.value, "a/b");
  EXPECT_FALSE(SplitMetricName("judge:rubric:a/b.toml").is_breakdown());
  EXPECT_EQ(SplitMetricName("judge:rubric:a/b.toml").of, "judge:rubric:a/b.toml");
  // A second scorer is found by its whole name, and has values of every task.
  std::vector<SampleRecord> samples = FourTasks().samples;
  for (SampleRecord& sample : samples) sample.scores["judge:rubric:a/b.toml"] = 0.25;
  const Metric scored = Find(Result("a", samples), "judge:rubric:a/b.toml");
  EXPECT_DOUBLE_EQ(scored.value, 0.25);
  EXPECT_EQ(scored.n, 4);
}

// The spec says that a judge decides, not the scores that are there: all may be masked.
TEST(MetricsTest, AJudgesHeadlineIsItsScoreWhateverItSaid) {
  std::vector<SampleRecord> samples = FourTasks().samples;
  for (SampleRecord& sample : samples) sample.masked = true;
  BenchmarkRun run{"test/suite-v1", BenchmarkKind::kGeneration, ""};
  run.is_judged = true;
  EvalResult result;
  result.metrics = ComputeMetrics(run, samples);
  EXPECT_EQ(result.metrics[0].metric, "score");
  EXPECT_TRUE(std::isnan(result.metrics[0].value));
  EXPECT_FALSE(HasRightAnswers(result, "test/suite-v1"));
  EXPECT_TRUE(HasRightAnswers(FourTasks(), "test/suite-v1"));
  EXPECT_FALSE(HasRightAnswers(FourTasks(), "no such benchmark"));
}

TEST(MetricsTest, IntervalsAreShownWhereThereAreSome) {
  Metric metric{"b", "pass@1", 0.5, 0.1, 0.3, 0.7, 4};
  EXPECT_EQ(IntervalText(metric), "[30.0 %, 70.0 %]");
  metric.ci_low = NAN;
  EXPECT_EQ(IntervalText(metric), "");
  EXPECT_EQ(IntervalText(Metric{"b", "masked", 3, 0, 3, 3, 4}), "");
}

TEST(MetricsTest, SharesStayWithinTheirRange) {
  const EvalResult result = FourTasks();
  EXPECT_LE(Find(result, "pass@2").ci_high, 1);
  EXPECT_GE(Find(result, "truncated").ci_low, 0);
}

TEST(MetricsTest, AllRightIsNotCertain) {
  const EvalResult result = Result("a", {Sample(0, 0, true), Sample(1, 0, true)});
  // Two of two: the true share may be as low as sqrt(0.025) = 0.1581.
  EXPECT_EQ(Find(result, "pass@1").value, 1);
  EXPECT_NEAR(Find(result, "pass@1").ci_low, 0.15811388, 1e-8);
  EXPECT_EQ(Find(result, "pass@1").ci_high, 1);
  EXPECT_NEAR(Find(result, "truncated").ci_high, 1 - 0.15811388, 1e-8);
  EXPECT_EQ(Find(result, "truncated").ci_low, 0);
  // One of one: both ends of the exact interval.
  const EvalResult single = Result("a", {Sample(0, 0, true)});
  EXPECT_NEAR(Find(single, "pass@1").ci_low, 0.025, 1e-12);
  EXPECT_EQ(Find(single, "pass@1").ci_high, 1);
}

TEST(MetricsTest, MaskedEpisodesAreCountedButNotScored) {
  std::vector<SampleRecord> samples = FourTasks().samples;
  samples[4].masked = samples[5].masked = samples[7].masked = true;
  samples[7].correct = false;
  const EvalResult result = Result("a", samples);
  EXPECT_EQ(Find(result, "masked").value, 3);
  EXPECT_EQ(Find(result, "masked").n, 4);
  // Task 2 is gone, task 3 has one scored sample, wrong: (1 + 1/2 + 0) / 3.
  EXPECT_DOUBLE_EQ(Find(result, "pass@1").value, 0.5);
  EXPECT_EQ(Find(result, "pass@1").n, 3);
  // Only tasks 0 and 1 have two samples.
  EXPECT_EQ(Find(result, "pass@2").n, 2);
  EXPECT_DOUBLE_EQ(Find(result, "pass@2").value, 1);
}

TEST(CompareTest, IsPairedByTask) {
  const EvalResult a = FourTasks();
  // Each task one half better, but task 0, which is right already.
  const EvalResult b =
      Result("b", {Sample(0, 0, true, 20), Sample(0, 1, true, 20), Sample(1, 0, true, 20),
                   Sample(1, 1, true, 20), Sample(2, 0, true, 20), Sample(2, 1, false, 20),
                   Sample(3, 0, true, 20), Sample(3, 1, true, 20)});
  const auto comparisons = Compare(a, b);
  ASSERT_FALSE(comparisons.empty());
  const Comparison& pass = comparisons[0];
  EXPECT_EQ(pass.metric, "pass@1");
  EXPECT_EQ(pass.a, "a");
  EXPECT_EQ(pass.b, "b");
  // Differences 0, 1/2, 1/2, 1/2: mean 3/8, sd = 1/4, se = 1/8, t(0.975, 3) = 3.18244631.
  EXPECT_DOUBLE_EQ(pass.diff, 0.375);
  EXPECT_NEAR(pass.ci_low, 0.375 - 3.18244631 / 8, 1e-7);
  EXPECT_NEAR(pass.ci_high, 0.375 + 3.18244631 / 8, 1e-7);
  // t = 3 with 3 degrees of freedom: P(|T| > 3) = 1 - (2/pi) (atan(sqrt 3) + (3 sqrt 3) / 12).
  EXPECT_NEAR(pass.p_value, 0.05766889, 1e-8);
  EXPECT_DOUBLE_EQ(pass.p_adjusted, pass.p_value);  // a family of one
  EXPECT_TRUE(std::isnan(comparisons[1].p_adjusted));
  EXPECT_NEAR(pass.min_effect, 2.8015852 / 8, 1e-7);
  EXPECT_EQ(pass.n, 4);
  // pass@1 is one value a task: (2.8015852 / 0.375)^2 times sd^2 = 1/16 is 3.49.
  EXPECT_EQ(pass.tasks_needed, 4);
  bool has_length = false;
  for (const Comparison& comparison : comparisons) {
    EXPECT_NE(comparison.metric, "masked");
    if (comparison.metric != "length") continue;
    has_length = true;
    EXPECT_DOUBLE_EQ(comparison.diff, (15 + 10 + 10 + 10) / 4.0);
  }
  EXPECT_TRUE(has_length);
}

// Every task changed alike: the spread of 0 isn't certainty, and the interval may not say so where
// the p-value, 2^(1 - 3), doesn't.
TEST(CompareTest, UnanimousDifferencesHaveNoInterval) {
  std::vector<SampleRecord> before, after;
  for (uint64_t task = 0; task < 3; ++task) {
    before.push_back(Sample(task, 0, false));
    after.push_back(Sample(task, 0, true));
  }
  const Comparison pass = Compare(Result("a", before), Result("b", after))[0];
  EXPECT_EQ(pass.diff, 1);
  EXPECT_DOUBLE_EQ(pass.p_value, 0.25);
  EXPECT_TRUE(std::isnan(pass.ci_low) && std::isnan(pass.ci_high));
  EXPECT_TRUE(std::isnan(pass.min_effect));
  EXPECT_EQ(IntervalText(pass), "");
}

TEST(CompareTest, TasksOfOneSideOnlyTakeNoPart) {
  const EvalResult a = Result("a", {Sample(0, 0, false), Sample(1, 0, false), Sample(2, 0, true)});
  const EvalResult b = Result("b", {Sample(0, 0, true), Sample(1, 0, true), Sample(9, 0, false)});
  EXPECT_DOUBLE_EQ(Compare(a, b)[0].diff, 1);
}

// Two of three models are the baseline's equals: each headline is corrected for both.
TEST(CompareTest, ManyModelsAreOneFamily) {
  std::vector<SampleRecord> right;
  for (uint64_t task = 0; task < 4; ++task) {
    right.push_back(Sample(task, 0, true));
    right.push_back(Sample(task, 1, true));
  }
  const std::vector<EvalResult> models = {FourTasks(), Result("b", right), Result("c", right)};
  const auto comparisons = CompareWithFirst(models);
  ASSERT_GT(comparisons.size(), 2u);
  EXPECT_EQ(comparisons.front().b, "b");
  EXPECT_EQ(comparisons.back().b, "c");
  EXPECT_DOUBLE_EQ(comparisons.front().p_adjusted, 2 * comparisons.front().p_value);
}

// Bits per byte of documents of 10 and 30 bytes: a has 20 and 30 bits, b 10 and 30.
TEST(CompareTest, RatiosArePairedByTask) {
  const auto texts = [](const std::string& model, double first_bits, double second_bits) {
    EvalResult result;
    result.model = model;
    result.benchmarks = {{"text", BenchmarkKind::kText, ""}};
    const std::vector<std::pair<double, double>> of_texts = {{first_bits, 10}, {second_bits, 30}};
    for (const auto& [bits, bytes] : of_texts) {
      SampleRecord record;
      record.benchmark = "text";
      record.task_index = result.samples.size();
      record.scores = {{"nats", bits * std::log(2.0)}, {"bytes", bytes}};
      result.samples.push_back(record);
    }
    result.metrics = ComputeMetrics(result.benchmarks[0], result.samples);
    return result;
  };
  const EvalResult a = texts("a", 20, 30), b = texts("b", 10, 30);
  EXPECT_EQ(a.metrics[0].metric, "bits_per_byte");
  EXPECT_NEAR(a.metrics[0].value, 50.0 / 40, 1e-12);
  EXPECT_EQ(TraitsOf("bits_per_byte").better, -1);
  const auto comparisons = Compare(a, b);
  ASSERT_EQ(comparisons.size(), 1u);
  // Ratio -10/40; residuals -10 + 2.5 and 0 + 7.5: se = sqrt(2/1 * 112.5) / 40 = 0.375.
  EXPECT_NEAR(comparisons[0].diff, -0.25, 1e-12);
  EXPECT_NEAR(comparisons[0].stderr_, 0.375, 1e-12);
}

TEST(CompareTest, NothingInCommonIsAnError) {
  const EvalResult a = Result("a", {Sample(0, 0, true)}), b = Result("b", {Sample(1, 0, true)});
  EXPECT_THROW(Compare(a, b), Error);
}

// 400 log10(0.75 / 0.25) = 190.85; a score of 1 over 50 tasks counts as 0.99: 798.25.
TEST(MetricsTest, EloFollowsFromTheScore) {
  Metric score{"game", "reward", 0.75, 0.02, 0.5, 1.0, 50};
  const Metric elo = EloOf(score);
  EXPECT_EQ(elo.metric, "elo");
  EXPECT_NEAR(elo.value, 190.85, 0.005);
  EXPECT_NEAR(elo.ci_low, 0, 1e-12);
  EXPECT_NEAR(elo.ci_high, 798.25, 0.005);
  EXPECT_EQ(elo.n, 50);
}

}  // namespace
}  // namespace agon::judge
