// The three forms of tests, each graded by one function.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "envs/code/grader.h"

namespace agon::envs {

// One program under grading. The functions below append to `grade` one verdict for each of
// their tests, in order, and stop early where they mask it.
struct Grading {
  Sandbox& sandbox;
  const CodeTests& tests;
  std::string code;
  CodeLimits limits;
  Box::Clock::time_point deadline;  // of all tests together
  bool measures_cpu = false;        // wait for each box's end
  CodeGrade grade = {};

  // Why the next test isn't run; nullopt if it is.
  std::optional<TestVerdict> Skipped() const;
};

void GradeCalls(Grading& grading);
void GradeStdio(Grading& grading);

// The tester's box, with the test code compiled and its asserts counted.
class Tester {
 public:
  // Throws Error(kUsage) for test code that can't judge anybody; masks where the sandbox
  // fails.
  Tester(Sandbox& sandbox, const CodeTests& tests, std::optional<Mask>* masked);

  const std::vector<size_t>& counts() const { return counts_; }  // asserts of each unit

  Box& box() { return box_; }

 private:
  Box box_;
  std::vector<size_t> counts_;
};

// `tester` is fresh from its constructor; another takes its place should it end.
void GradeUnits(Grading& grading, std::unique_ptr<Tester> tester);

}  // namespace agon::envs
