// Programs that try to bend time, or to leave something for the next program.
#include <gtest/gtest.h>

#include "tests/sandbox/sandbox_fixture.h"

namespace agon::envs {
namespace {

class CarryoverTest : public SandboxTest {};

// 15. Clocks.

TEST_F(CarryoverTest, PatchedClocksDontStretchLimits) {
  BoxLimits limits;
  limits.wall_ms = 250;
  const BoxResult result = RunPython(R"(
import time
for clock in time.CLOCK_REALTIME, time.CLOCK_MONOTONIC:
    try:
        time.clock_settime(clock, 0)
        print("set", clock)
    except (OSError, AttributeError):
        pass
time.time = time.monotonic = time.perf_counter = lambda: 0
sleep, time.sleep = time.sleep, None
sleep(60)
)",
                                     limits);
  EXPECT_EQ(result.verdict, BoxVerdict::kTimeLimit) << Tell(result);
  EXPECT_EQ(result.stdout_bytes, "");
  EXPECT_GE(result.wall_ms, 250);
  EXPECT_LT(result.wall_ms, 15000);
}

// 16. From one program to the next.

TEST_F(CarryoverTest, NothingCrossesFromBoxToBox) {
  // More rounds than boxes are prepared: the later ones were forked after the first's visit.
  for (int round = 0; round < 8; ++round) {
    const BoxResult result = RunPython(R"(
import builtins, json, os, random, sys
found = []
if hasattr(builtins, "token") or hasattr(json, "token") or "planted" in sys.modules:
    found.append("interpreter")
if json.dumps is not None and json.dumps(1) != "1":
    found.append("patch")
for folder in "/tmp", "/dev/shm", "/box":
    found += [name for name in os.listdir(folder) if name.startswith("token")]
if "TOKEN" in os.environ:
    found.append("environment")
print(found)
builtins.token = json.token = 1
sys.modules["planted"] = sys
json.dumps = lambda value: "patched"
os.environ["TOKEN"] = "1"
for path in "/tmp/token", "/dev/shm/token", "/box/token", os.path.dirname(os.__file__) + "/token.pyc":
    try:
        open(path, "w").close()
    except OSError:
        pass
)");
    ASSERT_EQ(result.stdout_bytes, "[]\n") << Tell(result);
  }
}

TEST_F(CarryoverTest, RandomNumbersDifferFromBoxToBox) {
  const std::string source = "import os, random; print(random.random(), os.urandom(8))";
  EXPECT_NE(RunPython(source).stdout_bytes, RunPython(source).stdout_bytes);
}

TEST_F(CarryoverTest, SetsIterateAlikeInEachBox) {
  const std::string source = "print({str(i) for i in range(50)})";
  Sandbox other;
  EXPECT_EQ(RunPython(source).stdout_bytes, other.Run(Program::Python(source)).stdout_bytes);
}

}  // namespace
}  // namespace agon::envs
