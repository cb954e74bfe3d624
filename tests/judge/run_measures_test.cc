// Runs side by side: groups, what differs, numbers worked by hand, curves, and hostile folders.
#include "judge/runs/run_measures.h"

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "core/file.h"
#include "core/json.h"
#include "judge/metrics.h"
#include "judge/runs/run_report.h"
#include "judge/runs_command.h"
#include "tests/error_of.h"

namespace agon::judge {
namespace {

using Track = std::vector<std::pair<double, double>>;

class RunsTest : public testing::Test {
 protected:
  RunsTest() { fs::remove_all(root_); }
  ~RunsTest() override { fs::remove_all(root_); }

  // A run of RL whose gold reward at step i is golds[i], at distance i / 10.
  std::string Write(const std::string& name, int seed, const std::vector<double>& golds,
                    const std::string& recipe = "") {
    const fs::path dir = root_ / name;
    fs::create_directories(dir);
    WriteFileAtomic(dir / "recipe.toml", "[run]\nseed = " + std::to_string(seed) +
                                             "\nthreads = " + std::to_string(seed) + "\n" + recipe);
    std::string log;
    for (size_t i = 0; i < golds.size(); ++i) {
      log += Json{{"stage", "rl"},
                  {"step", i + 1},
                  {"gold", golds[i]},
                  {"reward", 2 * golds[i]},
                  {"distance", static_cast<double>(i) / 10}}
                 .dump() +
             "\n";
    }
    WriteFileAtomic(dir / "log.jsonl", log);
    return dir.string();
  }

  static const RunMeasure& Find(const std::vector<RunMeasure>& measures, const std::string& name) {
    for (const RunMeasure& measure : measures) {
      if (measure.name == name) return measure;
    }
    ADD_FAILURE() << "no " << name;
    return measures.front();
  }

  const fs::path root_ = fs::path(testing::TempDir()) / "runs_test";
};

// Ten steps at `level`, seven of them in the middle higher by 0.1.
std::vector<double> Hill(double level) {
  std::vector<double> golds(10, level);
  for (size_t i = 2; i < 9; ++i) golds[i] += 0.1;
  return golds;
}

TEST_F(RunsTest, BestIsTheHighestMeanOverSevenSteps) {
  const std::vector<std::string> dirs = {Write("a", 1, Hill(0.5))};
  const auto measures = MeasuresOf(ReadRunGroups(dirs));
  EXPECT_NEAR(*Find(measures, "best true reward").groups[0].values[0], 0.6, 1e-12);
  EXPECT_NEAR(*Find(measures, "distance of the best").groups[0].values[0], 0.5, 1e-12);
  // The end of ten steps is one step.
  EXPECT_NEAR(*Find(measures, "true reward at the end").groups[0].values[0], 0.5, 1e-12);
  EXPECT_NEAR(*Find(measures, "reward at the end").groups[0].values[0], 1.0, 1e-12);
  // One run has no interval, and nothing to be compared with.
  EXPECT_TRUE(std::isnan(measures[0].groups[0].mean.ci_low));
  EXPECT_TRUE(std::isnan(measures[0].groups[0].difference.value));
}

// Differences 0.1, 0.2 and 0.3: mean 0.2, deviation 0.1, t(2) = 4.3027.
TEST_F(RunsTest, GroupsAreComparedSeedBySeed) {
  const std::vector<std::string> dirs = {
      "one=" + Write("a", 1, Hill(0.5)), "two=" + Write("d", 3, Hill(0.9)),
      "one=" + Write("b", 2, Hill(0.4)), "two=" + Write("e", 2, Hill(0.6)),
      "one=" + Write("c", 3, Hill(0.6)), "two=" + Write("f", 1, Hill(0.6)),
      "two=" + Write("g", 9, Hill(5.0))};  // a seed that only one has
  const auto groups = ReadRunGroups(dirs);
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].name, "one");
  EXPECT_EQ(groups[1].runs.size(), 4u);
  const auto measures = MeasuresOf(groups);
  const RunMeasure& best = Find(measures, "best true reward");
  EXPECT_NEAR(best.groups[0].mean.value, 0.6, 1e-12);
  EXPECT_NEAR(best.groups[1].mean.value, (1.0 + 0.7 + 0.7 + 5.1) / 4, 1e-12);
  const Estimate& difference = best.groups[1].difference;
  EXPECT_EQ(difference.num_clusters, 3);
  EXPECT_NEAR(difference.value, 0.2, 1e-12);
  EXPECT_NEAR(difference.ci_high - difference.value, 4.302653 * 0.1 / std::sqrt(3.0), 1e-6);
}

TEST_F(RunsTest, WhatDiffersIsNamed) {
  const std::vector<std::string> dirs = {
      "one=" + Write("a", 1, {0.1}, "[rl]\nkl = \"k1\"\nloss = \"dapo\"\nmodels = [\"x\"]\n"),
      "one=" + Write("b", 2, {0.1}, "[rl]\nkl = \"k2\"\nloss = \"dapo\"\nmodels = [\"x\"]\n"),
      "two=" +
          Write("c", 1, {0.1}, "[rl]\nkl = \"none\"\nloss = \"dapo\"\nmodels = []\nnew = 1\n")};
  const auto differences = DifferencesOf(ReadRunGroups(dirs));
  ASSERT_EQ(differences.size(), 3u);  // not the seed, not the threads
  EXPECT_EQ(differences[0].key, "rl.kl");
  EXPECT_EQ(differences[0].values, (std::vector<std::string>{"k1, k2", "none"}));
  EXPECT_EQ(differences[1].key, "rl.models");
  EXPECT_EQ(differences[1].values, (std::vector<std::string>{"[\"x\"]", "[]"}));
  EXPECT_EQ(differences[2].values, (std::vector<std::string>{"–", "1"}));
  // Also what differs only inside of a group.
  const auto within = DifferencesOf(ReadRunGroups(std::span(dirs).first(2)));
  ASSERT_EQ(within.size(), 1u);
  EXPECT_EQ(within[0].values, (std::vector<std::string>{"k1, k2"}));
}

// Runs that stopped earlier aren't mixed with those that went on.
TEST_F(RunsTest, StagesAreMeasuredApart) {
  const auto evaluate = [&](const std::string& run, const std::string& stage, int num_right) {
    EvalResult result;
    result.model = stage;
    BenchmarkRun benchmark;
    benchmark.name = "math/shop-v1";
    result.benchmarks = {benchmark};
    for (int i = 0; i < 4; ++i) {
      SampleRecord sample;
      sample.benchmark = benchmark.name;
      sample.task_index = static_cast<uint64_t>(i);
      sample.correct = i < num_right;
      sample.reward = sample.correct ? 1 : 0;
      result.samples.push_back(sample);
    }
    result.metrics = ComputeMetrics(benchmark, result.samples);
    WriteEval(root_ / run / "eval" / stage, result);
  };
  const std::vector<std::string> dirs = {Write("a", 1, Hill(0.5)), Write("b", 1, {0.1, NAN})};
  evaluate("a", "sft", 1);
  evaluate("a", "rl", 3);
  evaluate("b", "sft", 2);
  const auto measures = MeasuresOf(ReadRunGroups(dirs));
  const RunMeasure& rl = Find(measures, "pass@1 of math/shop-v1 after rl");
  EXPECT_EQ(rl.groups[0].values[0], 0.75);
  EXPECT_EQ(rl.groups[1].values[0], std::nullopt);
  EXPECT_TRUE(std::isnan(rl.groups[1].difference.value));
  const RunMeasure& sft = Find(measures, "pass@1 of math/shop-v1 after sft");
  EXPECT_EQ(sft.groups[0].values[0], std::nullopt);
  EXPECT_EQ(sft.groups[1].values[0], 0.5);
  EXPECT_EQ(Find(measures, "steps of RL").groups[1].values[0], 2.0);
}

TEST_F(RunsTest, MeanCurvesGoWhereAllRunsGo) {
  const std::vector<Track> curves = {{{0, 0}, {2, 2}, {4, 0}}, {}, {{1, 1}, {3, 3}}};
  const Track mean = MeanCurve(curves, 3);
  ASSERT_EQ(mean.size(), 3u);
  EXPECT_EQ(mean[0], (std::pair{1.0, 1.0}));
  EXPECT_EQ(mean[1], (std::pair{2.0, 2.0}));
  EXPECT_EQ(mean[2], (std::pair{3.0, 2.0}));
  EXPECT_TRUE(MeanCurve(std::vector<Track>{{{0, 0}}, {{1, 1}}}, 3).empty());
  EXPECT_EQ(MeanCurve(std::vector<Track>{{{1, 7}}}, 3), (Track{{1, 7}}));
  EXPECT_TRUE(MeanCurve({}, 3).empty());
}

TEST_F(RunsTest, TheReportSaysIt) {
  RunsCommand command;
  for (int seed = 1; seed <= 3; ++seed) {
    const std::string text = std::to_string(seed);
    command.runs.push_back("<one>=" + Write("a" + text, seed, Hill(0.5 + 0.01 * seed)));
    command.runs.push_back(
        "two=" + Write("b" + text, seed, Hill(0.6 + 0.02 * seed), "[rl]\nnote = \"<script>\"\n"));
  }
  command.out = root_ / "out";
  std::ostringstream out;
  RunRunsCommand(command, out);
  EXPECT_TRUE(Contains(out.str(), "best true reward")) << out.str();
  EXPECT_TRUE(Contains(out.str(), "+0.120 [+0.095, +0.145]")) << out.str();
  const std::string html = ReadFile(command.out / "report.html");
  for (const char* part : {"True reward", "&lt;one&gt;", "tag better", "rl.note", "3 runs"}) {
    EXPECT_TRUE(Contains(html, part)) << part;
  }
  EXPECT_FALSE(Contains(html, "<script>"));
  EXPECT_FALSE(Contains(html, "<one>"));
  EXPECT_TRUE(Contains(ReadFile(command.out / "report.md"), "| best true reward | 0.620 ["));
  const Json json = ReadJson((command.out / "runs.json").string());
  EXPECT_NEAR(
      json["groups"][1]["measures"]["best true reward"]["difference"]["value"].get<double>(), 0.12,
      1e-12);
  command.json = true;
  std::ostringstream as_json;
  RunRunsCommand(command, as_json);
  EXPECT_EQ(as_json.str(), ReadFile(command.out / "runs.json"));
}

TEST_F(RunsTest, RefusesWhatIsNoRun) {
  const auto refusal = [](std::vector<std::string> dirs, ErrorKind kind) {
    return ErrorOf([&] { ReadRunGroups(dirs); }, kind);
  };
  EXPECT_TRUE(Contains(refusal({(root_ / "none").string()}, ErrorKind::kNotFound), "recipe.toml"));
  const std::string one = Write("a", 1, {0.1});
  EXPECT_TRUE(Contains(refusal({one, "x=" + one + "/"}, ErrorKind::kUsage), "twice"));
  fs::create_directory_symlink(root_ / "a", root_ / "link");
  EXPECT_TRUE(
      Contains(refusal({one, (root_ / "link").string()}, ErrorKind::kUsage), "named twice"));
  const std::string same = Write("same", 1, {0.2});
  EXPECT_TRUE(Contains(refusal({"x=" + one, "x=" + same}, ErrorKind::kUsage), "seed 1"));
  RunsCommand into_itself{{one}, one, false};
  std::ostringstream out;
  EXPECT_TRUE(Contains(ErrorOf([&] { RunRunsCommand(into_itself, out); }, ErrorKind::kUsage),
                       "report of its own"));
  // Directories of one name are no group.
  const std::vector<std::string> alike = {one, Write("deep/a", 1, {0.3})};
  EXPECT_EQ(ReadRunGroups(alike).size(), 2u);
  WriteFileAtomic(root_ / "a/recipe.toml", "[run]\nseed = -3\n");
  EXPECT_TRUE(Contains(refusal({one}, ErrorKind::kCorrupt), "run.seed"));
  WriteFileAtomic(root_ / "a/recipe.toml", "[run\n");
  EXPECT_TRUE(Contains(refusal({one}, ErrorKind::kCorrupt), "recipe.toml"));
  std::vector<std::string> many;
  for (int i = 0; i < 7; ++i) many.push_back(Write("r" + std::to_string(i), 1, {0.1}));
  EXPECT_TRUE(Contains(refusal(many, ErrorKind::kUsage), "7 kinds"));
  // A run that was only begun has nothing to show, and that is no error.
  const std::string empty = Write("empty", 1, {});
  EXPECT_TRUE(MeasuresOf(ReadRunGroups(std::vector<std::string>{empty})).empty());
}

}  // namespace
}  // namespace agon::judge
