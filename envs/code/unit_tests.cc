// Test code with asserts: it runs in the tester's box, its calls of the candidate travel
// through this process to the candidate's box and back.
#include <algorithm>
#include <utility>

#include "core/error.h"
#include "envs/code/candidate_box.h"
#include "envs/code/grade_forms.h"
#include "envs/code/harness.h"
#include "envs/code/plain_value_json.h"

namespace agon::envs {
namespace {

constexpr std::string_view kTesterWhere = "message from the tester's box";
constexpr int64_t kTesterSlackMs = 10000;

BoxLimits TesterLimits(const CodeLimits& limits) {
  BoxLimits box;
  box.cpu_ms = box.wall_ms = limits.total_ms + 2 * kTesterSlackMs;
  box.memory_bytes = std::max(limits.memory_bytes, int64_t{256} << 20);
  return box;
}

[[noreturn]] void Refuse(const std::string& what) {
  throw Error(ErrorKind::kUsage, what, "test code");
}

TestStatus StatusOf(const std::string& name) {
  for (const TestStatus status :
       {TestStatus::kPass, TestStatus::kFail, TestStatus::kError, TestStatus::kUnsupported}) {
    if (name == TestStatusName(status)) return status;
  }
  throw Error(ErrorKind::kCorrupt, "no such status", kTesterWhere);
}

// One unit between its tester and the candidate.
class UnitRun {
 public:
  UnitRun(Grading& grading, Tester& tester, size_t unit)
      : grading_(grading),
        tester_(tester),
        nonce_(DrawNonce()),
        num_tests_(tester.counts()[unit]),
        deadline_(Box::Clock::now() +
                  std::chrono::milliseconds(2 * BoxLimitsOf(grading.limits).wall_ms)) {
    tester_.box().Send(Json{{"nonce", nonce_}, {"run", unit}}.dump() + "\n", deadline_);
  }

  // Appends the unit's verdicts, or masks the grade. False: the tester has ended.
  bool Run() {
    for (;;) {
      const Received received = tester_.box().ReceiveLine(kMaxLineBytes, deadline_);
      if (received.status != ReceiveStatus::kLine) return EndTester();
      try {
        const Json message = ParseBoxJson(received.line, kTesterWhere);
        if (JsonField<std::string>(message, "nonce", kTesterWhere) != nonce_) {
          throw Error(ErrorKind::kCorrupt, "another nonce", kTesterWhere);
        }
        if (message.contains("tests")) {
          Report(message.at("tests"));
          return true;
        }
        const Json answer = Relay(message);
        if (grading_.grade.masked) return true;
        tester_.box().Send(answer.dump() + "\n", deadline_);
      } catch (const Error& error) {
        tester_.box().Kill();
        return FailAll({TestStatus::kError, Printable(error.what())});
      }
    }
  }

 private:
  bool FailAll(const TestVerdict& verdict) {
    grading_.grade.tests.insert(grading_.grade.tests.end(), num_tests_, verdict);
    return false;
  }

  bool EndTester() {
    tester_.box().Kill();
    const bool is_late = Box::Clock::now() >= deadline_;
    const BoxResult& result = tester_.box().Wait();
    if (result.verdict == BoxVerdict::kSandboxFailure) {
      grading_.grade.masked = Mask{"sandbox", Printable(result.reason)};
      return false;
    }
    if (is_late) return FailAll({TestStatus::kTime, "time limit of the test code"});
    TestVerdict verdict = EarlyEnd(result);
    verdict.reason = "the test code: " + verdict.reason;
    return FailAll(verdict);
  }

  Json Relay(const Json& message) {
    if (!candidate_) candidate_.emplace(grading_.sandbox, grading_.code, grading_.limits);
    Json request = message;
    request.erase("nonce");
    const auto reply = candidate_->Request(request);
    if (reply.masked) grading_.grade.masked = reply.masked;
    if (reply.end) {
      end_ = *reply.end;
      candidate_.reset();
      return {{"gone", true}};
    }
    if (reply.raised) return {{"error", Json::array({reply.type, reply.message})}};
    if (reply.value) return {{"value", PlainValueToJson(*reply.value)}};
    Json answer = reply.reference;
    answer["refused"] = reply.refused;
    return answer;
  }

  void Report(const Json& tests) {
    if (!tests.is_array() || tests.size() != num_tests_) {
      throw Error(ErrorKind::kCorrupt, "another number of tests", kTesterWhere);
    }
    std::vector<TestVerdict> verdicts;
    for (const Json& test : tests) {
      if (!test.is_array() || test.size() != 2 || !test[0].is_string() || !test[1].is_string()) {
        throw Error(ErrorKind::kCorrupt, "not a status and a reason", kTesterWhere);
      }
      verdicts.push_back(VerdictOf(test[0].get<std::string>(), test[1].get<std::string>()));
    }
    if (grading_.measures_cpu && candidate_ && !verdicts.empty()) {
      verdicts[0].cpu_ms = candidate_->Finish();
    }
    std::move(verdicts.begin(), verdicts.end(), std::back_inserter(grading_.grade.tests));
  }

  TestVerdict VerdictOf(const std::string& status, const std::string& reason) const {
    if (status == "gone") return end_.value_or(TestVerdict{TestStatus::kError, "ended early"});
    if (status == "error" && reason.starts_with("MemoryError")) {
      return {TestStatus::kMemory, Printable(reason)};
    }
    return {StatusOf(status), Printable(reason)};
  }

  Grading& grading_;
  Tester& tester_;
  const std::string nonce_;
  const size_t num_tests_;
  const Box::Clock::time_point deadline_;
  std::optional<CandidateBox> candidate_;
  std::optional<TestVerdict> end_;  // how the last candidate that ended did
};

}  // namespace

Tester::Tester(Sandbox& sandbox, const CodeTests& tests, std::optional<Mask>* masked)
    : box_(sandbox.Start(TesterHarness(sandbox), TesterLimits(tests.limits))) {
  const auto deadline = Box::Clock::now() + std::chrono::milliseconds(kTesterSlackMs);
  const std::string nonce = DrawNonce();
  Json message{{"nonce", nonce},
               {"setup", tests.setup},
               {"entry_point", tests.entry_point},
               {"units", tests.units}};
  std::string line;
  try {
    line = message.dump() + "\n";
  } catch (const nlohmann::json::type_error&) {
    Refuse("is no UTF-8 text");
  }
  box_.Send(line, deadline);
  const Received received = box_.ReceiveLine(kMaxLineBytes, deadline);
  if (received.status != ReceiveStatus::kLine) {
    box_.Kill();
    const BoxResult& result = box_.Wait();
    *masked = Mask{result.verdict == BoxVerdict::kSandboxFailure ? "sandbox" : "grader",
                   Printable("the tester's box: " + result.reason + " " + result.stderr_bytes)};
    counts_.assign(tests.units.size(), 1);
    return;
  }
  const Json plan = ParseJson(received.line, kTesterWhere);
  if (JsonField<std::string>(plan, "nonce", kTesterWhere) != nonce)
    Refuse("answers in another's name");
  if (plan.contains("problem")) {
    Refuse("can't be used: " + Printable(JsonField<std::string>(plan, "problem", kTesterWhere)));
  }
  counts_ = JsonField<std::vector<size_t>>(plan, "counts", kTesterWhere);
  for (size_t unit = 0; unit < counts_.size(); ++unit) {
    if (counts_[unit] == 0) Refuse("unit " + std::to_string(unit) + " has no assert");
  }
}

void GradeUnits(Grading& grading, std::unique_ptr<Tester> tester) {
  const std::vector<size_t> counts = tester->counts();
  for (size_t unit = 0; unit < counts.size() && !grading.grade.masked; ++unit) {
    if (const auto skipped = grading.Skipped()) {
      grading.grade.tests.insert(grading.grade.tests.end(), counts[unit], *skipped);
      continue;
    }
    if (!tester) {
      tester = std::make_unique<Tester>(grading.sandbox, grading.tests, &grading.grade.masked);
      if (grading.grade.masked) return;
    }
    if (!UnitRun(grading, *tester, unit).Run()) tester.reset();
  }
}

}  // namespace agon::envs
