// Recipes, sources and run directories that are wrong, and a disk that is full: what the
// commands say, their exit status, and that nothing written before is lost.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <string>
#include <vector>

#include "tests/apps/command.h"
#include "tests/tiny_recipe.h"

namespace agon {
namespace {

class BadInputTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(::testing::TempDir()) / ("agon_bad_input_" + std::to_string(::getpid()));
    fs::create_directories(root_);
    WriteFileAtomic(Path("tiny.toml"), TinyRecipe(1, 1));
  }
  void TearDown() override { fs::remove_all(root_); }

  std::string Path(const std::string& name) const { return (root_ / name).string(); }

  CommandResult Train(const std::string& recipe, std::vector<std::string> more = {},
                      const std::string& run = "run") const {
    more.insert(more.begin(), {Path(recipe), "--quiet", "--out", Path(run)});
    return RunCommand("rl-train", more);
  }

  void ExpectSameBits(const std::string& a, const std::string& b) const {
    for (const char* file :
         {"log.jsonl", "recipe.toml", "checkpoints/sft-000001/model.safetensors",
          "checkpoints/rl-000001/model.safetensors",
          "checkpoints/rl-000001/trainer_state/optimizer.safetensors", "eval/sft/samples.jsonl",
          "eval/rl/samples.jsonl", "eval/rl/results.json"}) {
      EXPECT_TRUE(ReadFile(root_ / a / file) == ReadFile(root_ / b / file)) << file;
    }
  }

  static void Expect(const CommandResult& result, int exit_status,
                     const std::vector<std::string>& mentions) {
    EXPECT_EQ(result.exit_status, exit_status) << result.err;
    EXPECT_EQ(result.err.rfind("error: ", 0), 0u) << result.err;
    for (const std::string& mention : mentions) {
      EXPECT_NE(result.err.find(mention), std::string::npos) << mention << " in " << result.err;
    }
  }

  fs::path root_;
};

TEST_F(BadInputTest, AMisspelledKeyIsNamedWithTheNearest) {
  WriteFileAtomic(Path("typo.toml"), "[rl]\nnmu_steps = 3\n");
  Expect(Train("typo.toml"), 2, {"typo.toml", "rl.nmu_steps", "did you mean rl.num_steps?"});
  EXPECT_FALSE(fs::exists(root_ / "run"));
}

TEST_F(BadInputTest, ABadValueIsNamedWithWhatTheKeyTakes) {
  WriteFileAtomic(Path("value.toml"), "[rl]\nnum_steps = \"many\"\n");
  Expect(Train("value.toml"), 2, {"value.toml", "rl.num_steps", "whole number"});
  Expect(Train("tiny.toml", {"--set", "rl.num_steps=many"}), 2, {"--set", "rl.num_steps", "many"});
  Expect(Train("tiny.toml", {"--set", "rl.num_steps=-1"}), 2, {"rl.num_steps", "-1"});
  EXPECT_FALSE(fs::exists(root_ / "run"));
}

TEST_F(BadInputTest, BrokenTomlIsNamedWithItsLine) {
  WriteFileAtomic(Path("broken.toml"), "[run]\nseed = 1\n[rl\nx");
  Expect(Train("broken.toml"), 1, {"broken.toml:3:"});
  Expect(Train("missing.toml"), 1, {"missing.toml"});
}

TEST_F(BadInputTest, WhatCannotTrainIsRefusedBeforeAnyWork) {
  const std::pair<const char*, const char*> settings[] = {
      {"rl.group_size=1", "rl.group_size"},
      {"rl.max_new_tokens=600", "rl.max_new_tokens"},
      {"rl.env=math/shp", "math/shop"},
      {"model.preset=nanno", "nano"},
  };
  for (const auto& [setting, mention] : settings) {
    Expect(Train("tiny.toml", {"--set", setting}), 2, {mention});
    EXPECT_FALSE(fs::exists(root_ / "run")) << setting;
  }
}

TEST_F(BadInputTest, AMissingCorpusIsNamed) {
  Expect(Train("tiny.toml", {"--set", "pretrain.num_steps=1", "--set",
                             "data.sources=[\"books=text:/no/such/folder\"]"}),
         1, {"/no/such/folder", "books"});
}

TEST_F(BadInputTest, DataSourcesAreCheckedByName) {
  Expect(RunCommand("rl-data", {"ingest", "--source", "x=text:/no/such"}), 1, {"/no/such", "x"});
  Expect(RunCommand("rl-data", {"ingest", "--source", "x=zip:/tmp"}), 2, {"zip", "jsonl"});
  Expect(RunCommand("rl-data", {"ingest", "--source", "nonsense"}), 2, {"nonsense"});
  Expect(RunCommand("rl-data", {"info", Path("none")}), 1, {Path("none")});
  EXPECT_EQ(RunCommand("rl-data", {"build"}).exit_status, 2);
}

TEST_F(BadInputTest, UnreadableTextIsCountedNotFatal) {
  WriteFileAtomic(Path("a.jsonl"), "{\"text\": \"A line of plain text.\"}\n{\"text\": \n[]\n");
  const CommandResult result =
      RunCommand("rl-data", {"ingest", "--source", "x=jsonl:" + Path("a.jsonl")});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_NE(result.out.find("broken line"), std::string::npos) << result.out;
  WriteFileAtomic(Path("b.txt"), std::string("\xff\xfe\x00", 3));
  EXPECT_NE(RunCommand("rl-data", {"ingest", "--source", "x=text:" + Path("b.txt")}).exit_status,
            -SIGABRT);
}

// The largest file that this process and its children may write.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, SIG_DFL);
  }

 private:
  rlimit before_{};
};

TEST_F(BadInputTest, AFailedCheckpointLosesNothingAndTheRunGoesOn) {
  {
    const FileSizeLimit limit(100000);
    const CommandResult full = Train("tiny.toml");
    EXPECT_EQ(full.exit_status, 1) << full.err;
    EXPECT_NE(full.err.find("cannot write"), std::string::npos) << full.err;
    EXPECT_NE(full.err.find(Path("run")), std::string::npos) << full.err;
  }
  const CommandResult rest = Train("tiny.toml", {"--resume"});
  ASSERT_EQ(rest.exit_status, 0) << rest.err;
  EXPECT_TRUE(fs::exists(root_ / "run/report.html"));
  ASSERT_EQ(Train("tiny.toml", {}, "undisturbed").exit_status, 0);
  ExpectSameBits("run", "undisturbed");
  for (const auto& entry : fs::recursive_directory_iterator(root_ / "run")) {
    EXPECT_EQ(entry.path().string().find(".tmp-"), std::string::npos) << entry.path();
  }

  Expect(Train("tiny.toml"), 2, {Path("run"), "--resume"});
  Expect(Train("tiny.toml", {"--resume", "--set", "run.seed=9"}), 2, {"run.seed"});

  // A checkpoint cut short is named; it isn't passed over in silence.
  const fs::path weights = root_ / "run/checkpoints/rl-000001/model.safetensors";
  ASSERT_TRUE(fs::exists(weights));
  fs::resize_file(weights, fs::file_size(weights) / 2);
  Expect(RunCommand("rl-eval", {"--model", weights.parent_path().string(), "--suite",
                                "math/arithmetic", "--tasks", "2", "--out", Path("eval")}),
         1, {weights.string()});
}

TEST_F(BadInputTest, ADamagedLineOfALogIsNamedAndTheFileKept) {
  ASSERT_EQ(Train("tiny.toml").exit_status, 0);
  const std::string log = ReadFile(root_ / "run/log.jsonl");
  const std::string damaged = "{\"stage\":\"sft\",\n" + log;
  WriteFileAtomic(root_ / "run/log.jsonl", damaged);
  const CommandResult result = Train("tiny.toml", {"--resume"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_EQ(result.err, "warning: " + Path("run/log.jsonl") +
                            ":1: no record of a step, left out; the file as it was is "
                            "log.jsonl.damaged\n");
  EXPECT_EQ(ReadFile(root_ / "run/log.jsonl"), log);
  EXPECT_EQ(ReadFile(root_ / "run/log.jsonl.damaged"), damaged);
}

}  // namespace
}  // namespace agon
