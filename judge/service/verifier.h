// Graders by the name that a request gives. Private to judge.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/json.h"
#include "envs/grade_lines.h"
#include "judge/judge.h"

namespace agon::judge {

// Thread-safe.
class Verifier {
 public:
  // `envs` are allowed with their parameters. Throws as MakeJudge does.
  explicit Verifier(const std::vector<std::string>& envs);

  // Answers a request: {"env", "task", ...} by an environment, {"grader": "math" | "code", ...} by
  // the fields of docs/formats/grade.md. Throws Error for a request that isn't one.
  Json Verify(const Json& body, bool* is_masked);

 private:
  std::shared_ptr<const Judge> JudgeFor(const std::string& env);
  const envs::LineGrader& GraderFor(const std::string& name);

  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Judge>> judges_;
  std::map<std::string, envs::LineGrader> graders_;
};

}  // namespace agon::judge
