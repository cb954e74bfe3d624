#include "envs/code/verdict_cache.h"

#include <algorithm>
#include <utility>

#include "core/error.h"

namespace agon::envs {

CodeGrade VerdictCache::Grade(Sandbox& sandbox, const CodeTests& tests, std::string_view task,
                              std::string_view code) {
  std::string key = std::string(task).append(1, '\0').append(code);
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = grades_.find(key); found != grades_.end()) return found->second;
  }
  CodeGrade grade = GradeCode(sandbox, tests, code);
  const auto depends_on_machine = [](const TestVerdict& test) {
    return test.status == TestStatus::kTime || test.status == TestStatus::kMemory;
  };
  if (grade.masked || std::any_of(grade.tests.begin(), grade.tests.end(), depends_on_machine)) {
    return grade;
  }
  const std::lock_guard lock(mutex_);
  if (grades_.size() >= kMaxGrades) grades_.clear();
  grades_.emplace(std::move(key), grade);
  return grade;
}

Outcome OutcomeOf(const CodeGrade& grade, std::string code, bool truncated) {
  if (grade.masked) return MaskedOutcome(grade.masked->kind, grade.masked->reason);
  Outcome outcome;
  outcome.parts.push_back({"correct", grade.Passed() ? 1.0 : 0.0});
  outcome.terminated = !truncated;
  outcome.truncated = truncated;
  outcome.extracted = std::move(code);
  outcome.reason = "right";
  for (size_t i = 0; i < grade.tests.size(); ++i) {
    const TestVerdict& test = grade.tests[i];
    if (test.status == TestStatus::kPass) continue;
    outcome.reason = "test " + std::to_string(i + 1) + " of " + std::to_string(grade.tests.size()) +
                     ": " + TestStatusName(test.status);
    if (!test.reason.empty()) outcome.reason += ", " + test.reason;
    break;
  }
  return outcome;
}

}  // namespace agon::envs
