// Bodies of requests to judges, lines to audit with, and rubrics: read and answered, or an error.
#include <sstream>

#include "core/json.h"
#include "judge/audit.h"
#include "judge/judge_lines.h"
#include "judge/rubric/rubric.h"
#include "judge/service/reward_request.h"
#include "tests/fuzz/fuzz.h"

namespace agon {

void FuzzOne(std::string_view bytes) {
  static const auto reference = judge::MakeJudge("reference");
  for (const auto call :
       {judge::JudgeCall::kScore, judge::JudgeCall::kCompare, judge::JudgeCall::kRank}) {
    ExpectOnly({ErrorKind::kCorrupt, ErrorKind::kUsage}, [&] {
      const judge::JudgeRequest request = judge::ReadJudgeRequest(call, bytes, "body");
      bool is_masked = false;
      const std::string answer =
          judge::AnswerText(*reference, call, request, /*as_json=*/true, &is_masked);
      AGON_CHECK(ParseJson(answer, "answer").is_object());
    });
  }
  ExpectOnly({ErrorKind::kCorrupt}, [&] {
    for (const auto& request : judge::ReadRewardRequest(ParseJson(bytes, "body"))) {
      AGON_CHECK(request.replies.size() == 1);
    }
  });
  ExpectOnly({ErrorKind::kCorrupt}, [&] {
    std::istringstream lines{std::string(bytes)};
    judge::ReadAuditItems(lines, "lines");
  });
  ExpectOnly({ErrorKind::kCorrupt, ErrorKind::kUsage}, [&] {
    const auto rubric = judge::MakeRubricJudge(judge::ParseRubric(bytes, "rubric"), {});
    judge::Question question;
    question.reference = "72";
    const judge::Verdict verdict = rubric->Score(question, bytes);
    AGON_CHECK(verdict.score.has_value() && *verdict.score >= 0 && *verdict.score <= 1);
  });
}

}  // namespace agon
