// Remembers how programs were graded: the samples of one task are often the same program.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "envs/code/grader.h"

namespace agon::envs {

// Thread-safe. Verdicts that hang on the machine (time, memory, masks) are not kept, so what
// is kept is what grading again would say.
class VerdictCache {
 public:
  // As the function GradeCode. `task` names the tests.
  CodeGrade Grade(Sandbox& sandbox, const CodeTests& tests, std::string_view task,
                  std::string_view code);

 private:
  static constexpr size_t kMaxGrades = 4096;  // then it begins anew

  std::mutex mutex_;
  std::unordered_map<std::string, CodeGrade> grades_;  // by task, NUL, code
};

// The outcome of a program: part "correct" is 1 if all tests passed.
Outcome OutcomeOf(const CodeGrade& grade, std::string code, bool truncated);

}  // namespace agon::envs
