#include <utility>

#include "core/error.h"
#include "envs/answer_match.h"
#include "judge/kinds/kinds.h"

namespace agon::judge {
namespace {

class ReferenceJudge final : public Judge {
 public:
  ReferenceJudge(const std::string& name, const std::string& how)
      : how_(envs::AnswerMatchFromName(how.empty() ? "auto" : how)) {
    info_.name = name;
    info_.fingerprint = "reference:" + how;
  }
  const JudgeInfo& info() const override { return info_; }

 protected:
  Verdict DoScore(const Question& question, std::string_view reply) const override {
    if (question.reference.empty()) {
      throw Error(ErrorKind::kUsage, "this judge needs a reference", "reference",
                  "give the right answer as \"reference\"");
    }
    const envs::MatchedAnswer match = envs::MatchAnswer(how_, question.reference, reply);
    Verdict verdict;
    verdict.score = match.correct ? 1 : 0;
    verdict.parts = {{"correct", *verdict.score}};
    verdict.reason = match.reason;
    return verdict;
  }

 private:
  const envs::AnswerMatch how_;
  JudgeInfo info_;
};

}  // namespace

std::unique_ptr<Judge> MakeReferenceJudge(const std::string& name, const std::string& how) {
  return std::make_unique<ReferenceJudge>(name, how);
}

}  // namespace agon::judge
