#include "judge/service/verifier.h"

#include <utility>

#include "core/error.h"
#include "envs/env.h"
#include "judge/json/judge_json.h"

namespace agon::judge {

Verifier::Verifier(const std::vector<std::string>& envs) {
  for (const std::string& env : envs) judges_[env] = MakeJudge("env:" + env);
}

std::shared_ptr<const Judge> Verifier::JudgeFor(const std::string& env) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = judges_.find(env); found != judges_.end()) return found->second;
  }
  if (env.find('(') != std::string::npos) {
    throw Error(ErrorKind::kUsage, "parameters of an environment are the server's to allow", "env",
                "start rl-judge serve with --env \"" + env.substr(0, 100) + "\"");
  }
  const auto made = envs::MakeEnv(env);
  if (!made->info().needs.empty()) {
    throw Error(ErrorKind::kUsage, made->info().id + " needs " + made->info().needs, "env",
                "start rl-judge serve with --env \"" + env + "(...)\"");
  }
  // Ids are finitely many: short forms and versions of what is registered.
  auto judge = MakeJudge("env:" + env);
  const std::lock_guard lock(mutex_);
  return judges_.emplace(env, std::move(judge)).first->second;
}

const envs::LineGrader& Verifier::GraderFor(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (const auto found = graders_.find(name); found != graders_.end()) return found->second;
  if (name == "math") return graders_[name] = envs::GradeMathLine;
  if (name == "code") {
    std::string description;
    return graders_[name] = envs::MakeCodeLineGrader(/*unsafe_no_isolation=*/false, &description);
  }
  throw Error(ErrorKind::kUsage, "no grader is called \"" + name.substr(0, 60) + "\"", "grader",
              "graders are math and code; others are environments: give \"env\"");
}

Json Verifier::Verify(const Json& body, bool* is_masked) {
  if (!body.is_object()) throw Error(ErrorKind::kCorrupt, "not a JSON object", "body");
  if (body.contains("grader") == body.contains("env")) {
    throw Error(ErrorKind::kUsage, "who verifies?", "body", "give \"env\" or \"grader\"");
  }
  if (body.contains("env")) {
    const auto judge = JudgeFor(JsonField<std::string>(body, "env", "body"));
    const JudgeRequest request = ReadJudgeRequest(JudgeCall::kScore, body, "body");
    return AnswerJson(*judge, JudgeCall::kScore, request, is_masked);
  }
  Json line = body;
  line.erase("grader");
  const auto& grade = GraderFor(JsonField<std::string>(body, "grader", "body"));
  Json answer = ParseJson(grade(line.dump(), "body"), "grade");
  *is_masked = answer["reward"].is_null();
  return answer;
}

}  // namespace agon::judge
