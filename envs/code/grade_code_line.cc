#include <memory>
#include <utility>

#include "core/error.h"
#include "core/json.h"
#include "envs/code/task_line.h"
#include "envs/grade_lines.h"

namespace agon::envs {
namespace {

std::string GradeCodeLine(Sandbox& sandbox, std::string_view line, const std::string& where) {
  Json object = ParseJson(line, where);
  if (!object.is_object()) throw Error(ErrorKind::kCorrupt, "not a JSON object", where);
  const CodeTests tests = ReadCodeTests(object, where);
  const std::string code = ExtractCode(JsonField<std::string>(object, "response", where));
  const CodeGrade grade = GradeCode(sandbox, tests, code);
  for (const char* key :
       {"response", "tests", "check", "calls", "stdio", "setup", "entry_point", "reference",
        "float_tolerance", "time_limit_s", "total_time_limit_s", "memory_limit_mb"}) {
    object.erase(key);
  }
  if (grade.masked) {
    object["reward"] = nullptr;
    object["masked"] = {{"kind", grade.masked->kind}, {"reason", grade.masked->reason}};
  } else {
    object["reward"] = grade.Passed() ? 1 : 0;
  }
  object["passed"] = grade.NumPassed();
  object["total"] = grade.tests.size();
  object["tests"] = Json::array();
  for (const TestVerdict& test : grade.tests) {
    object["tests"].push_back({{"verdict", TestStatusName(test.status)}, {"reason", test.reason}});
  }
  object["extracted"] = code;
  return DumpJson(object);
}

}  // namespace

LineGrader MakeCodeLineGrader(bool unsafe_no_isolation, std::string* description) {
  SandboxOptions options;
  options.num_ready = 8;
  options.unsafe_no_isolation = unsafe_no_isolation;
  const auto sandbox = std::make_shared<Sandbox>(options);
  *description = sandbox->Describe();
  return [sandbox](std::string_view line, const std::string& where) {
    return GradeCodeLine(*sandbox, line, where);
  };
}

}  // namespace agon::envs
