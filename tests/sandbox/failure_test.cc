// 24. The sandbox itself fails, or can't be had: told apart from anything that a program did.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <cstdio>
#include <functional>

#include "tests/sandbox/host.h"
#include "tests/sandbox/sandbox_fixture.h"

namespace agon::envs {
namespace {

class FailureTest : public SandboxTest {};

constexpr const char* kNamedSleeper = R"(
import ctypes, time
ctypes.CDLL(None).prctl(15, b"agon-sleeper", 0, 0, 0)
open(3, "wb", buffering=0).write(b"asleep\n")
time.sleep(30)
)";

// A program that sleeps under a name, once it does.
Box StartSleeper(Sandbox* sandbox) {
  BoxLimits limits;
  limits.wall_ms = 20000;
  Box box = sandbox->Start(Program::Python(kNamedSleeper), limits);
  const auto received = box.ReceiveLine(100, Box::Clock::now() + std::chrono::seconds(10));
  EXPECT_EQ(received.line, "asleep");
  return box;
}

bool SleepersGone() {
  for (int i = 0; i < 300; ++i) {
    if (host::ProcessesNamed("agon-sleeper").empty()) return true;
    usleep(10000);
  }
  return false;
}

TEST_F(FailureTest, KilledSupervisorIsNoVerdictAndIsReplaced) {
  Sandbox own;
  Box box = StartSleeper(&own);
  const pid_t first = own.supervisor_pid();
  ASSERT_EQ(kill(first, SIGKILL), 0);
  const BoxResult& result = box.Wait();
  EXPECT_EQ(result.verdict, BoxVerdict::kSandboxFailure) << Tell(result);
  EXPECT_NE(result.reason.find("supervisor"), std::string::npos);
  EXPECT_TRUE(SleepersGone());

  const BoxResult next = own.Run(Program::Python("print('again')"));
  EXPECT_EQ(next.stdout_bytes, "again\n") << Tell(next);
  EXPECT_NE(own.supervisor_pid(), first);
}

TEST_F(FailureTest, KilledFirstProcessIsNoVerdict) {
  Sandbox own;
  Box box = StartSleeper(&own);
  const auto sleepers = host::ProcessesNamed("agon-sleeper");
  ASSERT_EQ(sleepers.size(), 1u);
  ASSERT_EQ(kill(host::ParentOf(sleepers[0]), SIGKILL), 0);
  const BoxResult& result = box.Wait();
  EXPECT_EQ(result.verdict, BoxVerdict::kSandboxFailure) << Tell(result);
  EXPECT_TRUE(SleepersGone());
  EXPECT_EQ(own.Run(Program::Python("")).verdict, BoxVerdict::kOk);
}

TEST_F(FailureTest, KilledInterpreterIsReplaced) {
  Sandbox own;
  Box box = StartSleeper(&own);
  const auto children = host::ChildrenOf(own.supervisor_pid());
  ASSERT_EQ(children.size(), 1u);
  ASSERT_EQ(kill(children[0], SIGKILL), 0);
  EXPECT_EQ(box.Wait().verdict, BoxVerdict::kSandboxFailure) << Tell(box.Wait());
  EXPECT_EQ(own.Run(Program::Python("")).verdict, BoxVerdict::kOk);
}

TEST_F(FailureTest, AProgramThatKillsItselfIsStillAVerdict) {
  const BoxResult result = RunPython("import os; os.kill(os.getpid(), 9)");
  EXPECT_EQ(result.verdict, BoxVerdict::kRuntimeError) << Tell(result);
  EXPECT_EQ(result.signal, 9);
}

TEST_F(FailureTest, DroppedBoxesEnd) {
  { const Box box = StartSleeper(&sandbox()); }
  EXPECT_TRUE(SleepersGone());
  Box killed = StartSleeper(&sandbox());
  killed.Kill();
  EXPECT_EQ(killed.Wait().verdict, BoxVerdict::kRuntimeError);
  EXPECT_EQ(killed.Wait().reason, "killed by the caller");
  EXPECT_TRUE(SleepersGone());
}

TEST_F(FailureTest, BoxesEndWithTheirSandbox) {
  auto own = std::make_unique<Sandbox>();
  Box box = StartSleeper(own.get());
  own.reset();
  EXPECT_EQ(box.Wait().verdict, BoxVerdict::kSandboxFailure);
  EXPECT_TRUE(SleepersGone());
}

TEST_F(FailureTest, SaysWhichLimitIsOutOfRange) {
  BoxLimits limits;
  limits.memory_bytes = 1000;
  try {
    RunPython("", limits);
    FAIL() << "1000 bytes are no memory";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_NE(std::string(error.what()).find("memory_bytes is 1000"), std::string::npos);
  }
}

// Runs `body` in a child process, which may spoil itself; its exit status.
int InChild(const std::function<int()>& body) {
  const pid_t pid = fork();
  if (pid == 0) {
    try {
      _exit(body());
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      _exit(99);
    }
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST_F(FailureTest, BoxesEndWithAHostThatIsKilled) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t pid = fork();
  if (pid == 0) {
    Sandbox own;
    const Box box = StartSleeper(&own);
    (void)!write(ready[1], "r", 1);
    pause();
  }
  char byte;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  EXPECT_EQ(host::ProcessesNamed("agon-sleeper").size(), 1u);
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  EXPECT_TRUE(SleepersGone());
  close(ready[0]);
  close(ready[1]);
}

TEST_F(FailureTest, HostShortOfDescriptors) {
  const int status = InChild([] {
    rlimit limit{64, 64};
    setrlimit(RLIMIT_NOFILE, &limit);
    SandboxOptions options;
    options.num_ready = 1;
    Sandbox own(options);
    std::vector<Box> boxes;
    for (int i = 0; i < 30; ++i) {
      boxes.push_back(own.Start(Program::Python("import time; time.sleep(5)")));
      const auto soon = Box::Clock::now() + std::chrono::milliseconds(1);
      if (boxes.back().ReceiveLine(10, soon).status != ReceiveStatus::kClosed) continue;
      const BoxResult& result = boxes.back().Wait();
      if (result.verdict != BoxVerdict::kSandboxFailure) return 1;
      return result.reason.empty() ? 2 : 0;
    }
    return 3;
  });
  EXPECT_EQ(status, 0);
}

TEST_F(FailureTest, OrdinaryUserNeedsNoRoot) {
  if (geteuid() != 0) GTEST_SKIP() << "every other test runs as an ordinary user already";
  const int status = InChild([] {
    if (syscall(SYS_setresgid, 12345, 12345, 12345) != 0) return 1;
    if (syscall(SYS_setresuid, 12345, 12345, 12345) != 0) return 2;
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);  // as if started by that user
    Sandbox own;
    const BoxResult result = own.Run(Program::Python("import os; print(os.getuid())"));
    return result.stdout_bytes == "1000\n" ? 0 : 3;
  });
  EXPECT_EQ(status, 0);
}

// Makes clone and unshare fail for user namespaces in this process, as Docker's default
// profile does.
void ForbidUserNamespaces() {
  const sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[0])),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_NEWUSER, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{sizeof(code) / sizeof(code[0]), const_cast<sock_filter*>(code)};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

// Not of the fixture: this one must run on each machine.
TEST(RefusalTest, NamesWhatIsMissingAndTheFlag) {
  const int status = InChild([] {
    ForbidUserNamespaces();
    try {
      Sandbox own;
      return 1;
    } catch (const Error& error) {
      const std::string text = error.what();
      if (error.kind() != ErrorKind::kUnsupported) return 2;
      if (text.find("user namespaces") == std::string::npos) return 3;
      if (text.find("--unsafe-run-model-code-unsandboxed") == std::string::npos) return 4;
      return 0;
    }
  });
  EXPECT_EQ(status, 0);
}

TEST(RefusalTest, UnsandboxedRunsAnywhereAndSaysSo) {
  const int status = InChild([] {
    ForbidUserNamespaces();
    SandboxOptions options;
    options.unsafe_no_isolation = true;
    Sandbox own(options);
    if (own.Describe().find("NO ISOLATION") == std::string::npos) return 1;
    const BoxResult result = own.Run(Program::Python("print(input())", "works\n"));
    if (result.stdout_bytes != "works\n") return 2;
    BoxLimits limits;
    limits.wall_ms = 200;
    const BoxResult late = own.Run(Program::Python("import time; time.sleep(9)"), limits);
    return late.verdict == BoxVerdict::kTimeLimit ? 0 : 3;
  });
  EXPECT_EQ(status, 0);
}

TEST(RefusalTest, NamesAMissingInterpreter) {
  SandboxOptions options;
  options.python = "/nowhere/python3";
  try {
    Sandbox own(options);
    FAIL() << "there is no such interpreter";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    EXPECT_NE(std::string(error.what()).find("/nowhere/python3"), std::string::npos);
  }
}

}  // namespace
}  // namespace agon::envs
