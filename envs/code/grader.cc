#include "envs/code/grader.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "core/error.h"
#include "core/json.h"
#include "envs/code/candidate_box.h"
#include "envs/code/grade_forms.h"

namespace agon::envs {
namespace {

constexpr int64_t kMinTimeMs = 1000;
constexpr int64_t kReferenceFactor = 4;  // as EvalPlus

[[noreturn]] void Refuse(const std::string& what, const std::string& hint) {
  throw Error(ErrorKind::kUsage, what, "tests of a program", hint);
}

bool IsBlank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n\f\v") == std::string_view::npos;
}

void CheckTests(const CodeTests& tests) {
  if (tests.calls.empty() && tests.stdio.empty() && tests.units.empty()) {
    Refuse("there is no test", "a program that nothing was asked of has not passed");
  }
  if (!tests.calls.empty() && tests.entry_point.empty()) {
    Refuse("calls need the name of the function", "set entry_point");
  }
  for (const StdioTest& test : tests.stdio) {
    if (IsBlank(test.output)) Refuse("a blank expected output proves nothing", "");
  }
  const CodeLimits& limits = tests.limits;
  const auto check = [](const char* name, int64_t value, int64_t low, int64_t high) {
    if (value >= low && value <= high) return;
    Refuse(std::string(name) + " is " + std::to_string(value) + ", not in " + std::to_string(low) +
               ".." + std::to_string(high),
           "");
  };
  check("time_ms", limits.time_ms, 1, 3600 * 1000);
  check("total_ms", limits.total_ms, 1, 24 * 3600 * 1000);
  check("memory_bytes", limits.memory_bytes, int64_t{32} << 20, int64_t{1} << 40);
  check("output_bytes", limits.output_bytes, 1, int64_t{1} << 30);
}

bool IsUtf8(std::string_view text) {
  try {
    (void)Json(text).dump();
    return true;
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

CodeGrade Run(Sandbox& sandbox, const CodeTests& tests, std::string_view code,
              const CodeLimits& limits, bool measures_cpu) {
  const auto deadline = Box::Clock::now() + std::chrono::milliseconds(limits.total_ms);
  Grading grading{sandbox, tests, std::string(code), limits, deadline, measures_cpu};
  // Tests are counted before the candidate runs for the first time.
  std::unique_ptr<Tester> tester;
  if (!tests.units.empty()) {
    tester = std::make_unique<Tester>(sandbox, tests, &grading.grade.masked);
  }
  size_t num_tests = tests.calls.size() + tests.stdio.size();
  if (tester) {
    for (const size_t count : tester->counts()) num_tests += count;
  }
  if (!IsUtf8(code)) {
    grading.grade.tests.assign(num_tests, {TestStatus::kError, "the code is no UTF-8 text"});
    return std::move(grading.grade);
  }
  if (!grading.grade.masked) GradeCalls(grading);
  if (!grading.grade.masked) GradeStdio(grading);
  if (!grading.grade.masked && tester) GradeUnits(grading, std::move(tester));
  grading.grade.tests.resize(num_tests);  // a mask leaves some out
  return std::move(grading.grade);
}

}  // namespace

const char* TestStatusName(TestStatus status) {
  switch (status) {
    case TestStatus::kPass:
      return "pass";
    case TestStatus::kFail:
      return "fail";
    case TestStatus::kError:
      return "error";
    case TestStatus::kTime:
      return "time";
    case TestStatus::kMemory:
      return "memory";
    case TestStatus::kOutput:
      return "output";
    case TestStatus::kUnsupported:
      return "unsupported";
    case TestStatus::kNotRun:
      return "not run";
  }
  return "";
}

std::optional<TestVerdict> Grading::Skipped() const {
  const auto failed = [](const TestVerdict& test) { return test.status != TestStatus::kPass; };
  if (tests.stop_at_first_failure && std::any_of(grade.tests.begin(), grade.tests.end(), failed)) {
    return TestVerdict{TestStatus::kNotRun, "an earlier test failed"};
  }
  if (Box::Clock::now() < deadline) return std::nullopt;
  return TestVerdict{TestStatus::kTime, "time limit of all tests together"};
}

int CodeGrade::NumPassed() const {
  return static_cast<int>(std::count_if(tests.begin(), tests.end(), [](const TestVerdict& test) {
    return test.status == TestStatus::kPass;
  }));
}

bool CodeGrade::Passed() const {
  return !masked && !tests.empty() && NumPassed() == static_cast<int>(tests.size());
}

CodeGrade GradeCode(Sandbox& sandbox, const CodeTests& tests, std::string_view code) {
  CheckTests(tests);
  CodeLimits limits = tests.limits;
  if (!tests.reference.empty()) {
    CodeGrade gold = Run(sandbox, tests, tests.reference, limits, /*measures_cpu=*/true);
    if (!gold.masked && !gold.Passed()) {
      const auto failed =
          std::find_if(gold.tests.begin(), gold.tests.end(),
                       [](const TestVerdict& test) { return test.status != TestStatus::kPass; });
      gold.masked =
          Mask{"grader", "the reference solution does not pass: " +
                             std::string(TestStatusName(failed->status)) + ", " + failed->reason};
    }
    if (gold.masked) {
      gold.tests.assign(gold.tests.size(), TestVerdict());
      return gold;
    }
    int64_t slowest_ms = 0;
    for (const TestVerdict& test : gold.tests) slowest_ms = std::max(slowest_ms, test.cpu_ms);
    limits.time_ms = std::min(limits.time_ms, std::max(kMinTimeMs, kReferenceFactor * slowest_ms));
  }
  return Run(sandbox, tests, code, limits, /*measures_cpu=*/false);
}

}  // namespace agon::envs
