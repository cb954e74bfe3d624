// rl-train as a person runs it, interrupts it and kills it.
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "core/rng.h"
#include "tests/apps/command.h"
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
    if (resume) arguments.push_back("--resume");
    return arguments;
  }
  CommandResult Train(const std::string& run, bool resume = false) const {
    return RunCommand("rl-train", Arguments(run, resume));
  }

  // Starts a run, sends it `signal` once `is_time` says so, and returns how it ended.
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
      const int null = ::open("/dev/null", O_RDWR);
      for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) ::dup2(null, fd);
      ::execv(program.c_str(), argv.data());
      ::_exit(127);
    }
    int status = 0;
    while (::waitpid(child, &status, WNOHANG) == 0) {
      if (is_time()) {
        ::kill(child, signal);
        ::waitpid(child, &status, 0);
        break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
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

  fs::path root_;
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
  const auto has_begun = [&] {
    std::error_code absent;
    return fs::file_size(root_ / "b/log.jsonl", absent) > 0 && !absent;
  };
  EXPECT_EQ(TrainUntil("b", SIGTERM, has_begun), 130);
  const CommandResult rest = Train("b", true);
  EXPECT_EQ(rest.exit_status, 0) << rest.err;
  ExpectSameResult("a", "b");
}

TEST_F(RlTrainTest, SlowKillAndResume) {
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_EQ(Train("a").exit_status, 0);
  const std::chrono::duration<double> whole = std::chrono::steady_clock::now() - begin;
  Rng rng({.run_seed = 20, .stream = RngStream::kTest});
  int kills = 0;
  for (int finished_runs = 0; kills < 20;) {
    const auto started = std::chrono::steady_clock::now();
    const auto delay = 0.6 * rng.Uniform() * whole;
    const int status = TrainUntil(
        "b", SIGKILL, [&] { return std::chrono::steady_clock::now() - started >= delay; });
    if (status == -SIGKILL) {
      ++kills;
      continue;
    }
    ASSERT_EQ(status, 0);
    ExpectSameResult("a", "b");
    fs::remove_all(root_ / "b");
    ASSERT_LT(++finished_runs, 100) << "too fast to be killed";
  }
  const CommandResult rest = Train("b", true);
  ASSERT_EQ(rest.exit_status, 0) << rest.err;
  ExpectSameResult("a", "b");
}

}  // namespace
}  // namespace agon
