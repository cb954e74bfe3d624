// Tests of programs, and what a grade came to.
#pragma once

#include <string>
#include <vector>

#include "envs/code/grader.h"
#include "tests/sandbox/sandbox_fixture.h"

namespace agon::envs {

// {args as a JSON array, expected}, in the form of envs/code/plain_value.h.
inline CallTest Call(const std::string& args, const std::string& expected) {
  return {ParsePlainValue(args, "test").items, {}, ParsePlainValue(expected, "test")};
}

inline CodeTests CallsOf(const std::string& entry_point, std::vector<CallTest> calls) {
  CodeTests tests;
  tests.entry_point = entry_point;
  tests.calls = std::move(calls);
  return tests;
}

inline CodeTests UnitsOf(std::vector<std::string> units, const std::string& entry_point = "") {
  CodeTests tests;
  tests.entry_point = entry_point;
  tests.units = std::move(units);
  return tests;
}

// "pass fail error ..."
inline std::string Statuses(const CodeGrade& grade) {
  std::string text;
  for (const TestVerdict& test : grade.tests) {
    text += (text.empty() ? "" : ", ") + std::string(TestStatusName(test.status));
  }
  return text;
}

inline std::string Tell(const CodeGrade& grade) {
  std::string text = grade.masked ? "masked " + grade.masked->kind + ": " + grade.masked->reason
                                  : std::string("not masked");
  for (const TestVerdict& test : grade.tests) {
    text += "\n  " + std::string(TestStatusName(test.status)) + " (" + test.reason + ")";
  }
  return text;
}

class CodeTest : public SandboxTest {
 protected:
  static CodeGrade Grade(const CodeTests& tests, const std::string& code) {
    return GradeCode(sandbox(), tests, code);
  }
};

}  // namespace agon::envs
