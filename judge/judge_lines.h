// Judging as JSON: what rl-judge reads and writes, and its service (docs/formats/judge.md).
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "judge/judge.h"

namespace agon::judge {

enum class JudgeCall { kScore, kCompare, kRank };

struct JudgeRequest {
  Question question;
  std::vector<std::string> replies;  // 1 to score, 2 to compare, any number to rank
};

// Reads a request: "messages" or "prompt"; "reply" (else the last message), or "reply_a" and
// "reply_b", or "replies"; and what the judge may need, "reference", "task", "run". Throws
// Error(kCorrupt) naming `where` and the field.
JudgeRequest ReadJudgeRequest(JudgeCall call, std::string_view json, const std::string& where);

// The judge's answer and a line end: as a JSON object in one line, {"score", ...}, {"preference",
// ...} or {"ranking", ...}, valid whatever the judge says; else for people. `is_masked` tells
// whether the judge failed (on any reply of a ranking).
std::string AnswerText(const Judge& judge, JudgeCall call, const JudgeRequest& request,
                       bool as_json, bool* is_masked);

struct JudgedLines {
  int64_t num_lines = 0;   // without blank ones
  int64_t num_broken = 0;  // that weren't requests: answered {"error": ...}
  int64_t num_masked = 0;  // that the judge failed on
};

// Answers each line of `in`, in order, up to `num_threads` at once. Fields that are no part of a
// request, such as "id", are kept in front. Broken lines are named on `errors`, too.
JudgedLines JudgeLines(const Judge& judge, JudgeCall call, std::istream& in, std::string_view name,
                       std::ostream& out, std::ostream& errors, int num_threads);

}  // namespace agon::judge
