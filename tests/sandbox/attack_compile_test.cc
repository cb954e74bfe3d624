// 13. Attacks on compilers: source that is dangerous before it runs. Compilation happens in
// the same box, so the same limits hold.
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "tests/paths.h"
#include "tests/repeat.h"
#include "tests/sandbox/sandbox_fixture.h"

namespace agon::envs {
namespace {

class CompileTest : public SandboxTest {};

TEST_F(CompileTest, PythonSourceBombsStayInTheirBox) {
  BoxLimits limits;
  limits.wall_ms = 1000;
  limits.cpu_ms = 500;
  limits.memory_bytes = int64_t{128} << 20;
  for (const std::string& source : {
           "x = " + Repeat("(", 100000),
           "x = " + Repeat("-", 200000) + "1",
           "x = " + Repeat("[", 90) + Repeat("]", 90) + "\nx = " + Repeat("a.", 50000) + "a",
           std::string("x = ((((((2**127)**127)**127)**127)**127)**127)"),
           "x = " + Repeat("lambda:", 20000) + "1",
           Repeat("if 1:\n ", 1) + "x = (" + Repeat("1,", 1000000) + ")",
           std::string("x = '") + std::string("\0\xff\xfe", 3) + "'",
           std::string("# coding: rot13\nk = 1"),
       }) {
    const BoxResult result = sandbox().Run(Program::Python(source), limits);
    EXPECT_NE(result.verdict, BoxVerdict::kSandboxFailure) << Tell(result) << source.substr(0, 40);
    EXPECT_LT(result.wall_ms, 15000) << source.substr(0, 40);
  }
}

TEST_F(CompileTest, SourceIsCompiledWithoutTheHost) {
  const BoxResult result = RunPython("import os\nprint(open('/etc/passwd').read())");
  EXPECT_EQ(result.verdict, BoxVerdict::kRuntimeError);
  EXPECT_NE(result.stderr_bytes.find("FileNotFoundError"), std::string::npos) << Tell(result);
}

// Where the machine has a C compiler, lends it to boxes.
class CCompilerTest : public SandboxTest {
 protected:
  static BoxResult Compile(const std::string& source, BoxLimits limits = Patient()) {
    SandboxOptions options;
    options.read_only_paths = {"/usr", "/lib", "/lib64", "/bin"};
    options.num_ready = 1;
    static Sandbox compilers(options);
    limits.memory_bytes = int64_t{512} << 20;
    return compilers.Run(Program::Python(R"(
import subprocess, sys
done = subprocess.run(["/usr/bin/gcc", "-x", "c", "-", "-o", "/tmp/program"], input=sys.stdin.buffer.read(), env={"PATH": "/usr/bin"})
if done.returncode == 0:
    done = subprocess.run(["/tmp/program"])
sys.exit(done.returncode)
)",
                                         source),
                         limits);
  }
  void SetUp() override {
    SandboxTest::SetUp();
    if (access("/usr/bin/gcc", X_OK) != 0) GTEST_SKIP() << "no /usr/bin/gcc";
  }
};

TEST_F(CCompilerTest, CompilesAndRuns) {
  const BoxResult result = Compile("#include <stdio.h>\nint main(void) { puts(\"compiled\"); }\n");
  EXPECT_EQ(result.stdout_bytes, "compiled\n") << Tell(result);
}

TEST_F(CCompilerTest, IncludesNothingOfTheHost) {
  for (const std::string& line :
       {std::string("#include \"/etc/passwd\"\n"), "#include \"" + kSourceDir + "/core/error.h\"\n",
        std::string("__asm__(\".incbin \\\"/etc/shadow\\\"\");\n")}) {
    const BoxResult result = Compile(line + "int main(void) { return 0; }\n");
    EXPECT_EQ(result.verdict, BoxVerdict::kRuntimeError) << Tell(result);
    EXPECT_EQ(result.stderr_bytes.find("root:"), std::string::npos) << Tell(result);
  }
}

TEST_F(CCompilerTest, BombsMeetTheLimits) {
  BoxLimits limits;
  limits.wall_ms = 2000;
  limits.cpu_ms = 1000;
  std::string macros = "#define A0 1,1,1,1,1,1,1,1,1,1\n";
  for (int i = 1; i < 9; ++i) {
    macros += "#define A" + std::to_string(i) + " " + Repeat("A" + std::to_string(i - 1) + ",", 9) +
              "A" + std::to_string(i - 1) + "\n";
  }
  const BoxResult macro =
      Compile(macros + "int a[] = {A8};\nint main(void) { return a[0]; }\n", limits);
  EXPECT_TRUE(macro.verdict == BoxVerdict::kTimeLimit || macro.verdict == BoxVerdict::kMemoryLimit)
      << Tell(macro);
  const BoxResult huge =
      Compile("char a[1L << 34] = {1};\nint main(void) { return a[0]; }\n", limits);
  EXPECT_NE(huge.verdict, BoxVerdict::kOk) << Tell(huge);
  EXPECT_NE(huge.verdict, BoxVerdict::kSandboxFailure) << Tell(huge);
}

}  // namespace
}  // namespace agon::envs
