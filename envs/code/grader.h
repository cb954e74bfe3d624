// Grades a program that nobody trusts against tests, so that it can't talk itself into a
// pass: the candidate runs in a box that holds neither tests nor expected outputs, test code
// runs in a box of its own, and values cross between them through this process as plain
// values (envs/code/plain_value.h), each answer carrying a nonce. A test passes on a
// positive result only; an exit status never says anything good. docs/adr/0011.
//
// Which tests share a candidate's box: none. Each call, each input and each unit of asserts
// begins with a fresh one, so nothing is carried from test to test. Public to envs/ only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "envs/code/plain_value.h"
#include "envs/env.h"
#include "envs/sandbox/sandbox.h"

namespace agon::envs {

// entry_point(*args, **kwargs) == expected, compared by EqualPlainValues.
struct CallTest {
  std::vector<PlainValue> args;
  std::vector<std::pair<std::string, PlainValue>> kwargs;
  PlainValue expected;
};

// The whole program, fed `input`, prints `output`: the same lines but for white space at
// their ends and empty lines at the end.
struct StdioTest {
  std::string input;
  std::string output;  // not blank: printing nothing proves nothing
};

struct CodeLimits {
  // CPU time of a test (of a unit, for asserts). The wall clock may take twice as long and a
  // second more, so that a busy machine fails nobody.
  int64_t time_ms = 4000;
  int64_t total_ms = 60000;  // wall clock, all tests together; those not reached get kTime
  int64_t memory_bytes = int64_t{256} << 20;
  int64_t output_bytes = int64_t{1} << 20;  // stdout and stderr, each
};

// What a program is held against: any mix of the three forms, at least one test.
struct CodeTests {
  std::string entry_point;  // of `calls` and `check`
  std::vector<CallTest> calls;
  std::vector<StdioTest> stdio;
  // Test code, each a unit with at least one `assert`; each assert is a test. Names that
  // nothing in a unit defines, and `candidate`, are the candidate's functions. A unit that
  // defines check() has it called with the entry point.
  std::vector<std::string> units;
  std::string setup;  // runs before each unit, in the tester's box
  // In calls, and in stdio between words that are numbers.
  std::optional<double> float_tolerance;
  // A right solution. Where given, a test's time limit is 4 times what it took, at least
  // 1 s and at most `time_ms`.
  std::string reference;
  CodeLimits limits;
  bool stop_at_first_failure = false;  // the tests behind it get kNotRun
};

enum class TestStatus {
  kPass,
  kFail,         // another result, an assert that didn't hold, no plain value
  kError,        // the program raised, or ended before it answered
  kTime,         // time limit
  kMemory,       // memory limit
  kOutput,       // output limit
  kUnsupported,  // the test passes something that can't leave the tester's box: its own fault
  kNotRun,
};
const char* TestStatusName(TestStatus status);

struct TestVerdict {
  TestStatus status = TestStatus::kNotRun;
  std::string reason;  // one short line in printable ASCII; names no expected value
  int64_t cpu_ms = 0;  // of the candidate's box, where it was waited for; else 0
};

struct CodeGrade {
  std::vector<TestVerdict> tests;  // calls, then stdio, then asserts in order; never empty
  // The sandbox failed ("sandbox") or the reference solution did ("grader"): the tests say
  // nothing about the program.
  std::optional<Mask> masked;

  int NumPassed() const;
  bool Passed() const;  // all of them, and not masked
};

// `code` is untrusted. Throws Error(kUsage) for tests that can't judge anybody: none at all,
// a unit without assert, test code that doesn't compile, a blank output, a bad limit.
// Thread-safe.
CodeGrade GradeCode(Sandbox& sandbox, const CodeTests& tests, std::string_view code);

// The program in a response: the last block fenced as ```python (or ```py), else the last
// fenced block, else all of it. What precedes the last </think>, or follows an open <think>,
// is thinking. An open fence reaches to the end.
std::string ExtractCode(std::string_view response);

}  // namespace agon::envs
