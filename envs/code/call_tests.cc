// Calls with expected values: the candidate sees arguments one call at a time, and never
// what is expected.
#include <utility>

#include "envs/code/candidate_box.h"
#include "envs/code/grade_forms.h"
#include "envs/code/plain_value_json.h"

namespace agon::envs {
namespace {

TestVerdict Judge(const CandidateBox::Reply& reply, const CallTest& test,
                  std::optional<double> tolerance) {
  if (reply.end) return *reply.end;
  if (reply.raised) return RaisedVerdict(reply.type, reply.message);
  if (!reply.value) return {TestStatus::kFail, "the result is " + reply.refused};
  if (EqualPlainValues(test.expected, *reply.value, tolerance)) return {TestStatus::kPass, ""};
  return {TestStatus::kFail, "another result: " + ShowPlainValue(*reply.value)};
}

}  // namespace

void GradeCalls(Grading& grading) {
  for (const CallTest& test : grading.tests.calls) {
    if (auto skipped = grading.Skipped()) {
      grading.grade.tests.push_back(std::move(*skipped));
      continue;
    }
    Json args = Json::array(), kwargs = Json::object();
    for (const PlainValue& value : test.args) args.push_back(PlainValueToJson(value));
    for (const auto& [name, value] : test.kwargs) kwargs[name] = PlainValueToJson(value);
    CandidateBox box(grading.sandbox, grading.code, grading.limits);
    const auto reply = box.Call(grading.tests.entry_point, args, kwargs);
    if (reply.masked) {
      grading.grade.masked = reply.masked;
      return;
    }
    TestVerdict verdict = Judge(reply, test, grading.tests.float_tolerance);
    if (grading.measures_cpu) verdict.cpu_ms = box.Finish();
    grading.grade.tests.push_back(std::move(verdict));
  }
}

}  // namespace agon::envs
