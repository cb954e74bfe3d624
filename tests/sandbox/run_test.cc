// Programs that mean no harm: what they see, and what comes back.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/sandbox/sandbox_fixture.h"

namespace agon::envs {
namespace {

TEST_F(SandboxTest, RunsPythonFromStdinToStdout) {
  const BoxResult result =
      sandbox().Run(Program::Python("print(sum(map(int, input().split())))", "20 22\n"));
  EXPECT_EQ(result.verdict, BoxVerdict::kOk) << Tell(result);
  EXPECT_EQ(result.stdout_bytes, "42\n");
  EXPECT_EQ(result.exit_status, 0);
}

TEST_F(SandboxTest, ReportsHowAProgramEnded) {
  const BoxResult raised = RunPython("def f():\n  return 1 / 0\nf()");
  EXPECT_EQ(raised.verdict, BoxVerdict::kRuntimeError) << Tell(raised);
  EXPECT_EQ(raised.exit_status, 1);
  EXPECT_NE(raised.stderr_bytes.find("File \"main.py\", line 2, in f"), std::string::npos);
  EXPECT_NE(raised.stderr_bytes.find("ZeroDivisionError"), std::string::npos);

  EXPECT_EQ(RunPython("import sys; sys.exit(7)").exit_status, 7);
  EXPECT_EQ(RunPython("import sys; sys.exit()").verdict, BoxVerdict::kOk);
  EXPECT_EQ(RunPython("import sys; sys.exit('bad')").stderr_bytes, "bad\n");
  EXPECT_EQ(RunPython("def f(:").exit_status, 1);
  const BoxResult killed = RunPython("import os; os.kill(os.getpid(), 11)");
  EXPECT_EQ(killed.verdict, BoxVerdict::kRuntimeError) << Tell(killed);
  EXPECT_EQ(killed.signal, 11);
}

TEST_F(SandboxTest, ProgramIsMain) {
  const BoxResult result = RunPython(
      "import sys, atexit, threading, time\n"
      "atexit.register(lambda: print('bye'))\n"
      "threading.Thread(target=lambda: (time.sleep(0.05), print('thread'))).start()\n"
      "x = 1\n"
      "print(__name__, sys.argv, sys.modules['__main__'].x, [print for _ in '1'][0] is print)\n");
  EXPECT_EQ(result.verdict, BoxVerdict::kOk) << Tell(result);
  EXPECT_EQ(result.stdout_bytes, "__main__ ['main.py'] 1 True\nthread\nbye\n");
}

TEST_F(SandboxTest, ExecutesCommands) {
  const BoxResult result = sandbox().Run(Program::Command(
      {"/usr/bin/python3", "-S", "-c", "import sys; print(sys.argv[1:], input())", "a b", ""},
      "in"));
  EXPECT_EQ(result.verdict, BoxVerdict::kOk) << Tell(result);
  EXPECT_EQ(result.stdout_bytes, "['a b', ''] in\n");
  const BoxResult missing = sandbox().Run(Program::Command({"/bin/sh", "-c", "id"}));
  EXPECT_EQ(missing.exit_status, 127) << Tell(missing);
}

TEST_F(SandboxTest, ChannelCarriesLinesBothWays) {
  Box box =
      sandbox().Start(Program::Python("channel = open(3, 'r+b', buffering=0)\n"
                                      "for line in channel:\n"
                                      "    channel.write(line.upper())\n"
                                      "print('end')"));
  const auto deadline = In(30000);
  for (const char* word : {"alpha", "beta", ""}) {
    ASSERT_TRUE(box.Send(std::string(word) + "\n", deadline));
    const Received received = box.ReceiveLine(100, deadline);
    ASSERT_EQ(received.status, ReceiveStatus::kLine);
    std::string upper = word;
    for (char& c : upper) c = static_cast<char>(std::toupper(c));
    EXPECT_EQ(received.line, upper);
  }
  EXPECT_EQ(box.ReceiveLine(100, In(20)).status, ReceiveStatus::kDeadline);
  EXPECT_EQ(box.Wait().stdout_bytes, "end\n") << Tell(box.Wait());
}

TEST_F(SandboxTest, MoreBoxesLiveAtOnceThanNetNamespaces) {
  std::vector<Box> boxes;
  for (int i = 0; i < 40; ++i) {
    boxes.push_back(
        sandbox().Start(Program::Python("print(len(open(3, 'rb').read()))"), Patient()));
  }
  for (Box& box : boxes) EXPECT_EQ(box.Wait().stdout_bytes, "0\n") << Tell(box.Wait());
}

TEST_F(SandboxTest, ManyThreadsShareOneSandbox) {
  std::vector<std::thread> threads;
  std::vector<std::string> outputs(24);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = t; i < outputs.size(); i += 4) {
        outputs[i] = RunPython("print(" + std::to_string(i) + "**2)").stdout_bytes;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < outputs.size(); ++i) {
    EXPECT_EQ(outputs[i], std::to_string(i * i) + "\n");
  }
}

}  // namespace
}  // namespace agon::envs
