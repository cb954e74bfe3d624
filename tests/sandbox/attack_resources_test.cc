// Programs that try to eat the machine: processes, memory, output, time, disk. Each must
// end in its verdict within its limits, and the host must not feel it.
#include <gtest/gtest.h>

#include <chrono>

#include "tests/sandbox/sandbox_fixture.h"

namespace agon::envs {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;
// Much less than what an attack would take if nothing stopped it, much more than stopping it
// takes on a quiet machine (0.1 to 0.5 s).
constexpr int kPatienceMs = 15000;

class AttackTest : public SandboxTest {
 protected:
  // The verdict, with a bound on how long the caller had to wait for it.
  static BoxResult RunWithin(int milliseconds, const std::string& source, const BoxLimits& limits) {
    const auto begin = Box::Clock::now();
    BoxResult result = RunPython(source, limits);
    const auto took =
        std::chrono::duration_cast<std::chrono::milliseconds>(Box::Clock::now() - begin);
    EXPECT_LT(took.count(), milliseconds) << Tell(result);
    return result;
  }
};

// 1. Processes.

TEST_F(AttackTest, ForkBombMeetsTheProcessLimit) {
  BoxLimits limits = Patient();
  limits.max_processes = 5;
  for (Sandbox* each : {&sandbox(), &no_cgroup()}) {
    const BoxResult result = each->Run(Program::Python(R"(
import os, time
children = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(60)
        children += 1
except OSError as error:
    print(children, error.errno)
)"),
                                       limits);
    EXPECT_EQ(result.stdout_bytes, "4 11\n") << Tell(result);  // EAGAIN
    EXPECT_EQ(result.verdict, BoxVerdict::kOk);
  }
}

TEST_F(AttackTest, ForkBombThatNeverStopsIsOver) {
  BoxLimits limits;
  limits.wall_ms = 300;
  const BoxResult result = RunWithin(kPatienceMs, R"(
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
)",
                                     limits);
  EXPECT_EQ(result.verdict, BoxVerdict::kTimeLimit) << Tell(result);
}

TEST_F(AttackTest, ThreadsCountAsProcesses) {
  BoxLimits limits = Patient();
  limits.max_processes = 4;
  const BoxResult result = RunPython(R"(
import os, threading, time
started = 0
try:
    while True:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        started += 1
except RuntimeError as error:
    print(started, error, flush=True)
os._exit(0)
)",
                                     limits);
  EXPECT_EQ(result.stdout_bytes, "3 can't start new thread\n") << Tell(result);
}

TEST_F(AttackTest, Clone3IsSaidNotToExist) {
  const BoxResult result = RunPython(R"(
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
print(libc.syscall(435, 0, 0), ctypes.get_errno())
)");
  EXPECT_EQ(result.stdout_bytes, "-1 38\n") << Tell(result);
}

// 2. Memory.

TEST_F(AttackTest, MemoryBomb) {
  BoxLimits limits = Patient();
  limits.memory_bytes = 64 * kMiB;
  for (Sandbox* each : {&sandbox(), &no_cgroup()}) {
    const BoxResult result = each->Run(
        Program::Python("hoard = []\nwhile True: hoard.append(b'x' * (1 << 20))"), limits);
    EXPECT_EQ(result.verdict, BoxVerdict::kMemoryLimit) << Tell(result);
    EXPECT_LT(result.max_rss_bytes, 140 * kMiB);
  }
}

TEST_F(AttackTest, OneAbsurdRequest) {
  const BoxResult result = RunPython("bytearray(1 << 45)");
  EXPECT_EQ(result.verdict, BoxVerdict::kMemoryLimit) << Tell(result);
}

TEST_F(AttackTest, ChildrenShareTheMemoryLimit) {
  BoxLimits limits = Patient();
  limits.memory_bytes = 96 * kMiB;
  for (Sandbox* each : {&sandbox(), &no_cgroup()}) {
    const BoxResult result = each->Run(Program::Python(R"(
import os, time
for _ in range(2):
    if os.fork() == 0:
        hoard = b'x' * (60 << 20)
        time.sleep(5)
        os._exit(0)
os.wait(); os.wait()
)"),
                                       limits);
    EXPECT_EQ(result.verdict, BoxVerdict::kMemoryLimit) << Tell(result);
  }
}

TEST_F(AttackTest, MappedMemoryCounts) {
  BoxLimits limits = Patient();
  limits.memory_bytes = 64 * kMiB;
  const BoxResult result = RunPython(R"(
import mmap
area = mmap.mmap(-1, 512 << 20)
for at in range(0, 512 << 20, 4096):
    area[at] = 1
)",
                                     limits);
  EXPECT_EQ(result.verdict, BoxVerdict::kMemoryLimit) << Tell(result);
}

TEST_F(AttackTest, SharedMemoryIsTmp) {
  BoxLimits limits = Patient();
  limits.tmp_bytes = 2 * kMiB;
  const BoxResult result = RunPython(R"(
for path in "/dev/shm/hoard", "/tmp/more":
    try:
        with open(path, "wb") as file:
            for _ in range(8):
                file.write(b"x" * (1 << 20))
    except OSError as error:
        print(error.errno)
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for call in 29, 319, 240:  # shmget, memfd_create, mq_open
    print(libc.syscall(call, 0, 0, 0), ctypes.get_errno())
)",
                                     limits);
  // ENOSPC or, past the limit of one file, EFBIG; EPERM.
  EXPECT_EQ(result.stdout_bytes, "27\n28\n-1 1\n-1 1\n-1 1\n") << Tell(result);
}

// 3. Output.

TEST_F(AttackTest, EndlessOutput) {
  for (const char* source : {"while True: print('x' * 1000)",
                             "import sys\nwhile True: sys.stderr.write('x' * 100000)"}) {
    const BoxResult result = RunWithin(kPatienceMs, source, {});
    EXPECT_EQ(result.verdict, BoxVerdict::kOutputLimit) << Tell(result);
    EXPECT_EQ(result.stdout_bytes.size() + result.stderr_bytes.size() >= size_t{1} << 20, true);
    EXPECT_LE(result.stdout_bytes.size(), size_t{1} << 20);
    EXPECT_LE(result.stderr_bytes.size(), size_t{1} << 20);
  }
}

TEST_F(AttackTest, OneEndlessLine) {
  BoxLimits limits;
  limits.output_bytes = 1000;
  const BoxResult result = RunWithin(kPatienceMs, R"(
import os
while True:
    os.write(1, b"x" * 65536)
)",
                                     limits);
  EXPECT_EQ(result.verdict, BoxVerdict::kOutputLimit) << Tell(result);
  EXPECT_EQ(result.stdout_bytes.size(), 1000u);
}

TEST_F(AttackTest, OutputJustWithinTheLimitIsWhole) {
  BoxLimits limits = Patient();
  limits.output_bytes = 300000;
  const BoxResult result = RunPython("import sys; sys.stdout.write('x' * 300000)", limits);
  EXPECT_EQ(result.verdict, BoxVerdict::kOk) << Tell(result);
  EXPECT_EQ(result.stdout_bytes.size(), 300000u);
}

TEST_F(AttackTest, UnreadInputAndOutputDontBlockEachOther) {
  const std::string input(4 * kMiB, 'y');
  const BoxResult echo = sandbox().Run(Program::Python(
      "import sys\nsys.stdout.write('x' * 500000)\nprint(len(sys.stdin.read()))", input));
  EXPECT_EQ(echo.verdict, BoxVerdict::kOk) << Tell(echo);
  EXPECT_EQ(echo.stdout_bytes.substr(500000), "4194304\n");
  const BoxResult unread = sandbox().Run(Program::Python("print('done')", input));
  EXPECT_EQ(unread.stdout_bytes, "done\n") << Tell(unread);
}

TEST_F(AttackTest, ChannelFlood) {
  Box box = sandbox().Start(Program::Python("import os\nwhile True: os.write(3, b'x' * 65536)"));
  EXPECT_EQ(box.ReceiveLine(100000, In(3000)).status, ReceiveStatus::kTooLong);
  EXPECT_EQ(box.Wait().verdict, BoxVerdict::kRuntimeError) << Tell(box.Wait());
}

TEST_F(AttackTest, DescriptorFlood) {
  const BoxResult result = RunPython(R"(
import os
opened = []
try:
    while True:
        opened.append(os.open("/dev/null", os.O_RDONLY))
except OSError as error:
    print(len(opened), error.errno)
)");
  EXPECT_EQ(result.stdout_bytes, "124 24\n") << Tell(result);  // EMFILE
}

// 4. Time.

TEST_F(AttackTest, Sleeper) {
  BoxLimits limits;
  limits.wall_ms = 200;
  const BoxResult result = RunWithin(kPatienceMs, "import time; time.sleep(60)", limits);
  EXPECT_EQ(result.verdict, BoxVerdict::kTimeLimit) << Tell(result);
  EXPECT_GE(result.wall_ms, 200);
}

TEST_F(AttackTest, BusyLoopMeetsTheCpuLimit) {
  BoxLimits limits;
  limits.cpu_ms = 200;
  limits.wall_ms = 20000;
  for (Sandbox* each : {&sandbox(), &no_cgroup()}) {
    const BoxResult result = each->Run(Program::Python("while True: pass"), limits);
    EXPECT_EQ(result.verdict, BoxVerdict::kTimeLimit) << Tell(result);
    EXPECT_NE(result.reason.find("CPU"), std::string::npos);
    EXPECT_GE(result.cpu_ms, 200);
    EXPECT_LE(result.cpu_ms, 1000);
  }
}

TEST_F(AttackTest, ChildrenShareTheCpuLimit) {
  BoxLimits limits;
  limits.cpu_ms = 300;
  limits.wall_ms = 20000;
  // From a thread, which keeps a list of children of its own.
  const BoxResult result = RunPython(R"(
import os, threading
def spawn():
    for _ in range(3):
        if os.fork() == 0:
            while True: pass
    threading.Event().wait()
threading.Thread(target=spawn).start()
)",
                                     limits);
  EXPECT_EQ(result.verdict, BoxVerdict::kTimeLimit) << Tell(result);
  EXPECT_NE(result.reason.find("CPU"), std::string::npos) << result.reason;
  EXPECT_LE(result.cpu_ms, 2000);
}

TEST_F(AttackTest, NoSignalCanBeIgnoredAwayFromTheLimit) {
  BoxLimits limits;
  limits.wall_ms = 250;
  const BoxResult result = RunWithin(kPatienceMs, R"(
import signal
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
signal.alarm(0)
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
while True: pass
)",
                                     limits);
  EXPECT_EQ(result.verdict, BoxVerdict::kTimeLimit) << Tell(result);
}

// 12. Disk.

TEST_F(AttackTest, DiskFill) {
  BoxLimits limits = Patient();
  limits.tmp_bytes = 4 * kMiB;
  const BoxResult result = RunPython(R"(
try:
    for number in range(100):
        with open(f"/tmp/{number}", "wb") as file:
            file.write(b"x" * (1 << 20))
except OSError as error:
    print(number, error.errno)
)",
                                     limits);
  EXPECT_EQ(result.stdout_bytes, "4 28\n") << Tell(result);  // ENOSPC
}

TEST_F(AttackTest, InodeFlood) {
  BoxLimits limits = Patient();
  limits.tmp_bytes = 1 * kMiB;
  const BoxResult result = RunPython(R"(
import os
try:
    for number in range(1000000):
        os.symlink("/", f"/tmp/{number}") if number % 2 else os.mkdir(f"/tmp/{number}")
except OSError as error:
    print(number < 1000, error.errno)
)",
                                     limits);
  EXPECT_EQ(result.stdout_bytes, "True 28\n") << Tell(result);
}

TEST_F(AttackTest, DeepFoldersVanishWithTheBox) {
  const BoxResult result = RunWithin(kPatienceMs, R"(
import os
for depth in range(1000):
    os.mkdir("d" * 50)
    os.chdir("d" * 50)
print(depth)
)",
                                     {});
  EXPECT_EQ(result.stdout_bytes, "999\n") << Tell(result);
}

}  // namespace
}  // namespace agon::envs
