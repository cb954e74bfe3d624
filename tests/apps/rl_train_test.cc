// rl-train as a person runs it, interrupts it and kills it.
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "core/rng.h"
#include "tests/apps/command.h"
#include "tests/contains.h"
#include "tests/paths.h"
#include "tests/tiny_recipe.h"

namespace agon {
namespace {

class RlTrainTest : public ::testing::Test {
 protected:
  RlTrainTest() : root_(fs::temp_directory_path() / ("agon-train-" + std::to_string(::getpid()))) {
    fs::remove_all(root_);
    fs::create_directories(root_);
    WriteFileAtomic(root_ / "tiny.toml", TinyRecipe(12, 2));
  }
  ~RlTrainTest() override { fs::remove_all(root_); }

  std::vector<std::string> Arguments(const std::string& run, bool resume) const {
    std::vector<std::string> arguments = {(root_ / "tiny.toml").string(), "--quiet", "--out",
                                          (root_ / run).string()};
    for (const std::string& setting : settings_) {
      arguments.push_back("--set");
      arguments.push_back(setting);
    }
    if (resume) arguments.push_back("--resume");
    return arguments;
  }
  CommandResult Train(const std::string& run, bool resume = false) const {
    return RunCommand("rl-train", Arguments(run, resume));
  }

  // Starts a run, sends it `signal` whenever `is_time` says so, and returns how it ended.
  template <typename Condition>
  int TrainUntil(const std::string& run, int signal, Condition is_time) const {
    const std::vector<std::string> arguments = Arguments(run, true);
    const std::string program = kBinaryDir + "/bin/rl-train";
    std::vector<char*> argv{const_cast<char*>(program.c_str())};
    for (const std::string& argument : arguments) {
      argv.push_back(const_cast<char*>(argument.c_str()));
    }
    argv.push_back(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
      ::dup2(::open("/dev/null", O_RDWR), STDOUT_FILENO);
      const std::string said = (root_ / "said").string();
      ::dup2(::open(said.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), STDERR_FILENO);
      ::execv(program.c_str(), argv.data());
      ::_exit(127);
    }
    int status = 0;
    while (::waitpid(child, &status, WNOHANG) == 0) {
      if (is_time()) ::kill(child, signal);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  // What the process of TrainUntil wrote to stderr.
  std::string Said() const { return ReadFile(root_ / "said"); }
  bool HasBegun(const std::string& run) const {
    std::error_code absent;
    return fs::file_size(root_ / run / "log.jsonl", absent) > 0 && !absent;
  }

  void ExpectSameResult(const std::string& a, const std::string& b) const {
    for (const char* file :
         {"log.jsonl", "recipe.toml", "checkpoints/sft-000012/model.safetensors",
          "checkpoints/rl-000012/model.safetensors",
          "checkpoints/rl-000012/trainer_state/optimizer.safetensors", "eval/sft/samples.jsonl",
          "eval/rl/samples.jsonl", "eval/rl/results.json"}) {
      EXPECT_TRUE(ReadFile(root_ / a / file) == ReadFile(root_ / b / file)) << file;
    }
  }

  // A run that is killed so often, at random moments, against one that isn't.
  void ExpectKillsToChangeNothing(int num_kills) {
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_EQ(Train("a").exit_status, 0);
    const std::chrono::duration<double> whole = std::chrono::steady_clock::now() - begin;
    Rng rng({.run_seed = 20, .stream = RngStream::kTest});
    int kills = 0;
    for (int finished_runs = 0; kills < num_kills;) {
      const auto started = std::chrono::steady_clock::now();
      const auto delay = 0.6 * rng.Uniform() * whole;
      const int status = TrainUntil(
          "b", SIGKILL, [&] { return std::chrono::steady_clock::now() - started >= delay; });
      if (status == -SIGKILL) {
        ++kills;
        continue;
      }
      ASSERT_EQ(status, 0) << Said();
      ExpectSameResult("a", "b");
      fs::remove_all(root_ / "b");
      ASSERT_LT(++finished_runs, 100) << "too fast to be killed";
    }
    const CommandResult rest = Train("b", true);
    ASSERT_EQ(rest.exit_status, 0) << rest.err;
    ExpectSameResult("a", "b");
  }

  fs::path root_;
  std::vector<std::string> settings_;  // of --set
};

TEST_F(RlTrainTest, DryRunPrintsTheResolvedRecipe) {
  const CommandResult result =
      RunCommand("rl-train", {"quickstart", "--dry-run", "--set", "rl.group_size=8"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_NE(result.out.find("group_size = 8\n"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("clip_high = 0.28\n"), std::string::npos) << result.out;
}

TEST_F(RlTrainTest, BadUsageIsExitStatus2) {
  const auto expect = [](const std::vector<std::string>& arguments, const char* mention) {
    const CommandResult result = RunCommand("rl-train", arguments);
    EXPECT_EQ(result.exit_status, 2) << result.err;
    EXPECT_NE(result.err.find(mention), std::string::npos) << result.err;
  };
  expect({"quickstart", "--set", "rl.groupsize=8"}, "rl.group_size");
  expect({"quickstart", "--set", "rl.group_size=1"}, "rl.group_size");
  expect({"quickstart", "--no-such-flag"}, "--no-such-flag");
  expect({}, "quickstart");
  EXPECT_EQ(RunCommand("rl-train", {"/nonexistent.toml"}).exit_status, 1);
}

TEST_F(RlTrainTest, TheSignatureDoesntDependOnThreads) {
  ::setenv("OMP_NUM_THREADS", "1", 1);
  const CommandResult one = RunCommand("rl-train", {"--bench"});
  ::setenv("OMP_NUM_THREADS", "2", 1);
  const CommandResult two = RunCommand("rl-train", {"--bench"});
  ::unsetenv("OMP_NUM_THREADS");
  EXPECT_EQ(one.exit_status, 0) << one.err;
  EXPECT_EQ(one.out.size(), std::string("Bench: 0123456789abcdef\n").size()) << one.out;
  EXPECT_EQ(one.out, two.out);
}

TEST_F(RlTrainTest, AnInterruptedRunGoesOnWithTheSameBits) {
  ASSERT_EQ(Train("a").exit_status, 0);
  for (const int signal : {SIGINT, SIGTERM}) {
    const std::string run = "b" + std::to_string(signal);
    bool is_sent = false;
    const auto once = [&] { return !is_sent && (is_sent = HasBegun(run)); };
    EXPECT_EQ(TrainUntil(run, signal, once), 130);
    const std::string said = Said();
    EXPECT_EQ(said.rfind("\nstopping after this step or evaluation", 0), 0u) << said;
    EXPECT_TRUE(Contains(said, "interrupted; every finished step is saved")) << said;
    const CommandResult rest = Train(run, true);
    EXPECT_EQ(rest.exit_status, 0) << rest.err;
    ExpectSameResult("a", run);
  }
}

TEST_F(RlTrainTest, ASecondCtrlCStopsInTheMiddleOfAStep) {
  settings_ = {"sft.tasks_per_step=1000", "sft.num_steps=2", "rl.num_steps=0"};
  int num_sent = 0;
  const auto twice = [&] {
    const bool is_time = num_sent == 0   ? HasBegun("a")
                         : num_sent == 1 ? Contains(Said(), "once more stops at once")
                                         : false;
    num_sent += is_time;
    return is_time;
  };
  EXPECT_EQ(TrainUntil("a", SIGINT, twice), -SIGINT);
  const CommandResult rest = Train("a", true);
  EXPECT_EQ(rest.exit_status, 0) << rest.err;
}

TEST_F(RlTrainTest, KillsChangeNothing) { ExpectKillsToChangeNothing(3); }

// In bf16 where the CPU has it, on two threads, and from raw text on.
TEST_F(RlTrainTest, SlowKillAndResume) {
  std::string text;
  for (int i = 0; i < 2000; ++i) {
    text += "{\"text\": \"Line " + std::to_string(i * i) + " of a text about the number " +
            std::to_string(i) + ", which is followed by its successor.\"}\n";
  }
  WriteFileAtomic(root_ / "lines.jsonl", text);
  settings_ = {"run.compute=auto",
               "run.threads=2",
               "data.sources=[\"lines=jsonl:" + (root_ / "lines.jsonl").string() + "\"]",
               "data.vocab_size=300",
               "data.val_fraction=0.1",
               "pretrain.num_steps=12",
               "pretrain.tokens_per_step=512",
               "pretrain.max_tokens=64"};
  ExpectKillsToChangeNothing(20);
  EXPECT_TRUE(fs::exists(root_ / "b/corpus/tokenizer.json"));
  const fs::path pretrained = "checkpoints/pretrain-000012/model.safetensors";
  EXPECT_TRUE(ReadFile(root_ / "a" / pretrained) == ReadFile(root_ / "b" / pretrained));
}

}  // namespace
}  // namespace agon
