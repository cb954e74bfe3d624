// Nothing stays behind: no descriptors, threads, zombies, processes or sessions.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <string>
#include <thread>

#include "core/error.h"
#include "tests/envs/program_file.h"

namespace agon::envs {
namespace {

size_t CountIn(const char* folder) {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder)) ++count;
  return count;
}

struct Census {
  size_t descriptors = CountIn("/proc/self/fd"), threads = CountIn("/proc/self/task");
  bool has_children = waitpid(-1, nullptr, WNOHANG) != -1 || errno != ECHILD;
  bool operator==(const Census&) const = default;
};

// Whether the process does more than wait for whoever adopted it.
bool IsAlive(const std::string& pid) {
  std::ifstream stat("/proc/" + pid + "/stat");
  std::string line;
  std::getline(stat, line);
  return !line.empty() && line.find(") Z") == std::string::npos;
}

TEST(ProcessLeakTest, AHostTakesAllWithIt) {
  const Census before;
  {
    const TestProgram program("takes.py", ModuleProgram(""));
    const auto episode = program.Start();
    EXPECT_NE(Census(), before);
  }
  EXPECT_EQ(Census(), before);
}

TEST(ProcessLeakTest, AProgramThatIgnoresTheEndIsKilledWithItsChildren) {
  const fs::path pid_file = fs::path(testing::TempDir()) / "child.pid";
  {
    const TestProgram program("ignores_end.py", ModuleProgram(R"(
    def grade(self, task, completion):
        child = os.fork()
        if child == 0:
            time.sleep(600)
        with open(completion, "w") as file:
            file.write(str(child))
        return 1
)") + "time.sleep(600)\n");
    EXPECT_EQ(program.Say(pid_file).Reward(), 1);
  }
  const std::string child = ReadFile(pid_file);
  // SIGKILL takes effect when the kernel comes to it.
  for (int i = 0; i < 200 && IsAlive(child); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_FALSE(IsAlive(child));
}

// A shell script greets and dies of the next request: 1,000 times.
TEST(ProcessLeakTest, SlowThousandKilledProcessesLeakNothing) {
  const std::string script = R"(#!/bin/sh
read -r line
echo '{"id":1,"type":"result","data":{"version":1,"environments":[{"id":"zz_test/program-v1","summary":"s"}]}}'
read -r line
kill -9 $$
)";
  const Census before;
  {
    ProcessOptions options = QuietOptions();
    options.max_crashes = 2000;
    options.first_pause_ms = 0;
    const TestProgram program("thousand", script, "", options);
    Task task;
    task.id.env = "zz_test/program-v1";
    task.messages = {{Role::kUser, "?"}};
    const Census running;
    for (int i = 0; i < 500; ++i) {
      try {
        program.env->Start(task);
        FAIL();
      } catch (const Error& error) {
        ASSERT_NE(std::string(error.what()).find("signal 9"), std::string::npos) << error.what();
      }
    }
    EXPECT_GE(program.host->Health().num_starts, 1000);
    EXPECT_EQ(program.host->num_sessions(), 0);
    EXPECT_LE(Census().descriptors, running.descriptors);
    EXPECT_LE(Census().threads, running.threads);
  }
  EXPECT_EQ(Census(), before);
}

}  // namespace
}  // namespace agon::envs
