#include "core/error.h"

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>
#include <string>

#include "core/message.h"

namespace agon {
namespace {

TEST(ErrorTest, SaysWhereWhatAndWhatToDo) {
  const Error error(ErrorKind::kUsage, "unknown key \"lrr\"", "recipe.toml:3", "did you mean lr?");
  EXPECT_STREQ(error.what(), "recipe.toml:3: unknown key \"lrr\"\n  -> did you mean lr?");
  EXPECT_EQ(error.kind(), ErrorKind::kUsage);
}

TEST(ErrorTest, LeavesOutWhatIsNotKnown) {
  EXPECT_STREQ(Error(ErrorKind::kFailed, "no answer").what(), "no answer");
  EXPECT_STREQ(Error(ErrorKind::kIo, "disk full", "a.bin").what(), "a.bin: disk full");
}

TEST(ErrorTest, KindDecidesTheExitStatus) {
  EXPECT_EQ(Error(ErrorKind::kUsage, "").ExitStatus(), 2);
  EXPECT_EQ(Error(ErrorKind::kInterrupted, "").ExitStatus(), 130);
  for (ErrorKind kind : {ErrorKind::kNotFound, ErrorKind::kCorrupt, ErrorKind::kIo,
                         ErrorKind::kUnsupported, ErrorKind::kFailed}) {
    EXPECT_EQ(Error(kind, "").ExitStatus(), 1);
  }
}

struct Outcome {
  int status;
  std::string err;
};

Outcome RunCaptured(int (*body)(int, char**)) {
  ::testing::internal::CaptureStderr();
  const int status = RunMain(body, 0, nullptr);
  return {status, ::testing::internal::GetCapturedStderr()};
}

TEST(RunMainTest, ReturnsTheStatusOfTheBody) {
  const Outcome outcome = RunCaptured([](int, char**) { return 7; });
  EXPECT_EQ(outcome.status, 7);
  EXPECT_EQ(outcome.err, "");
}

TEST(RunMainTest, PassesTheArguments) {
  char name[] = "program", flag[] = "--flag";
  char* argv[] = {name, flag, nullptr};
  EXPECT_EQ(RunMain([](int argc, char** args) { return argc + (args[1][2] == 'f'); }, 2, argv), 3);
}

TEST(RunMainTest, PrintsAnErrorAndReturnsItsStatus) {
  const Outcome outcome = RunCaptured(
      [](int, char**) -> int { throw Error(ErrorKind::kUsage, "bad value 0", "--steps"); });
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.err, "error: --steps: bad value 0\n");
}

TEST(RunMainTest, ExplainsRunningOutOfMemory) {
  const Outcome outcome = RunCaptured([](int, char**) -> int { throw std::bad_alloc(); });
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.err.find("out of memory"), std::string::npos);
}

TEST(RunMainTest, PrintsAForeignException) {
  const Outcome outcome = RunCaptured([](int, char**) -> int { throw std::runtime_error("odd"); });
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(outcome.err, "error: odd\n");
}

TEST(CheckTest, AbortsWithThePlaceAndTheCondition) {
  EXPECT_DEATH(AGON_CHECK(1 + 1 == 3), "error_test.cc:[0-9]+: check failed: 1 \\+ 1 == 3");
  EXPECT_DEATH(AGON_CHECK(false, "rank 5"), "check failed: false: rank 5");
}

TEST(CheckTest, EvaluatesItsConditionOnce) {
  int evaluated = 0;
  AGON_CHECK(++evaluated == 1, "detail");
  EXPECT_EQ(evaluated, 1);
}

TEST(MessageTest, RolesHaveTheNamesOfTheChatProtocol) {
  EXPECT_STREQ(RoleName(Role::kSystem), "system");
  EXPECT_STREQ(RoleName(Role::kUser), "user");
  EXPECT_STREQ(RoleName(Role::kAssistant), "assistant");
  EXPECT_STREQ(RoleName(Role::kTool), "tool");
  EXPECT_EQ((Message{Role::kUser, "hi"}), (Message{Role::kUser, "hi"}));
  EXPECT_NE((Message{Role::kUser, "hi"}), (Message{Role::kTool, "hi"}));
}

}  // namespace
}  // namespace agon
