// rl-train under mpirun.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "core/error.h"
#include "tests/apps/command.h"
#include "tests/paths.h"
#include "tests/tiny_recipe.h"

namespace agon {
namespace {

// Runs mpirun as a shell would find it; as root it wants to be told.
CommandResult RunOnRanks(int ranks, const std::vector<std::string>& arguments) {
  std::vector<std::string> all = {"-c",
                                  "exec mpirun --allow-run-as-root --oversubscribe \"$@\"",
                                  "mpirun",
                                  "-n",
                                  std::to_string(ranks),
                                  kBinaryDir + "/bin/rl-train"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return RunProgram("/bin/sh", all);
}

// The process of that rank in the job that writes to `out`, or 0.
pid_t FindRank(int rank, const fs::path& out) {
  const std::string mark = "OMPI_COMM_WORLD_RANK=" + std::to_string(rank);
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid <= 0) continue;
    try {  // processes end while one looks
      if (ReadFile(entry.path() / "cmdline").find(out.string()) != std::string::npos &&
          ReadFile(entry.path() / "environ").find(mark + '\0') != std::string::npos) {
        return pid;
      }
    } catch (const Error&) {
    }
  }
  return 0;
}

class RanksTest : public ::testing::Test {
 protected:
  RanksTest() : root_(fs::path(::testing::TempDir()) / ("ranks-" + std::to_string(::getpid()))) {
    fs::remove_all(root_);
    fs::create_directories(root_);
    WriteFileAtomic(root_ / "tiny.toml", TinyRecipe(4, 2));
  }
  ~RanksTest() override { fs::remove_all(root_); }
  void SetUp() override {
    if (std::system("command -v mpirun > /dev/null 2>&1") != 0) GTEST_SKIP() << "no mpirun";
  }

  std::vector<std::string> Arguments(const std::string& run, int num_shards = 2) const {
    return {(root_ / "tiny.toml").string(),
            "--quiet",
            "--set",
            "run.num_shards=" + std::to_string(num_shards),
            "--out",
            (root_ / run).string()};
  }
  void ExpectSameResult(const std::string& a, const std::string& b) const {
    for (const char* file :
         {"log.jsonl", "recipe.toml", "checkpoints/sft-000004/model.safetensors",
          "checkpoints/rl-000004/model.safetensors",
          "checkpoints/rl-000004/trainer_state/optimizer.safetensors", "eval/rl/samples.jsonl"}) {
      EXPECT_TRUE(ReadFile(root_ / a / file) == ReadFile(root_ / b / file)) << file;
    }
  }

  fs::path root_;
};

TEST_F(RanksTest, TwoProcessesWriteTheBitsOfOne) {
  const CommandResult one = RunCommand("rl-train", Arguments("one"));
  ASSERT_EQ(one.exit_status, 0) << one.err;
  const CommandResult two = RunOnRanks(2, Arguments("two"));
  ASSERT_EQ(two.exit_status, 0) << two.err;
  ExpectSameResult("one", "two");
  const std::string events = ReadFile(root_ / "two/events.log");
  EXPECT_NE(events.find("on 2 ranks"), std::string::npos);
  EXPECT_NE(events.find("optimizer moments (1/2)"), std::string::npos);
  // A run of two goes on alone.
  fs::remove_all(root_ / "two/checkpoints/rl-000004");
  fs::remove_all(root_ / "two/eval/rl");
  auto arguments = Arguments("two");
  arguments.push_back("--resume");
  const CommandResult rest = RunCommand("rl-train", arguments);
  ASSERT_EQ(rest.exit_status, 0) << rest.err;
  ExpectSameResult("one", "two");
}

TEST_F(RanksTest, FourProcessesWriteTheBitsOfOne) {
  const CommandResult one = RunCommand("rl-train", Arguments("one", 4));
  ASSERT_EQ(one.exit_status, 0) << one.err;
  const CommandResult four = RunOnRanks(4, Arguments("four", 4));
  ASSERT_EQ(four.exit_status, 0) << four.err;
  ExpectSameResult("one", "four");
  EXPECT_NE(ReadFile(root_ / "four/events.log").find("optimizer moments (1/4)"), std::string::npos);
}

TEST_F(RanksTest, AKilledRankIsNamedAndTheRunGoesOnWithoutIt) {
  const CommandResult one = RunCommand("rl-train", Arguments("one"));
  ASSERT_EQ(one.exit_status, 0) << one.err;

  std::atomic<bool> is_over = false;
  std::thread killer([&] {
    while (!is_over && !fs::exists(root_ / "two/checkpoints/sft-000002")) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    if (const pid_t pid = FindRank(1, root_ / "two")) ::kill(pid, SIGKILL);
  });
  const CommandResult two = RunOnRanks(2, Arguments("two"));
  is_over = true;
  killer.join();
  EXPECT_NE(two.exit_status, 0);
  EXPECT_NE((two.out + two.err).find("rank 1"), std::string::npos) << two.out << two.err;
  EXPECT_FALSE(fs::exists(root_ / "two/eval/rl")) << "it was killed too late to tell";

  auto arguments = Arguments("two");
  arguments.push_back("--resume");
  const CommandResult rest = RunCommand("rl-train", arguments);
  ASSERT_EQ(rest.exit_status, 0) << rest.err;
  ExpectSameResult("one", "two");
}

TEST_F(RanksTest, BadShardsEndTheJobAndSayWhich) {
  const CommandResult three = RunOnRanks(3, Arguments("three"));
  EXPECT_NE(three.exit_status, 0);
  EXPECT_NE(three.err.find("run.num_shards"), std::string::npos) << three.err;
  EXPECT_NE(three.err.find("rank "), std::string::npos) << three.err;
}

}  // namespace
}  // namespace agon
