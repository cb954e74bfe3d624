// Requests and verdicts as JSON values. Private to judge.
#pragma once

#include <string>

#include "core/json.h"
#include "judge/judge_lines.h"

namespace agon::judge {

JudgeRequest ReadJudgeRequest(JudgeCall call, const Json& object, const std::string& where);

// {"split": "test", "seed": 0, "index": 7, "env"?}
envs::TaskId ReadTaskId(const Json& object, const std::string& where);

Json VerdictJson(const Verdict& verdict);
Json PairVerdictJson(const PairVerdict& verdict);
Json RankingJson(const std::vector<RankedReply>& ranking);

// The judge's answer and, behind the pointer if it isn't null, whether it is masked.
Json AnswerJson(const Judge& judge, JudgeCall call, const JudgeRequest& request,
                bool* is_masked = nullptr);

}  // namespace agon::judge
