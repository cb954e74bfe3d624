// Does a response give a known answer? The ways to look, by name.
//
// Untrusted bytes on both sides; time is linear in the response. Pure and thread-safe.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace agon::envs {

enum class AnswerMatch {
  kAuto,       // choice if the gold is one letter A to J, else math
  kMath,       // by value, as the math grader has it (docs/formats/grade.md)
  kNumber,     // the last number in the response, exactly, whatever stands around it
  kChoice,     // the one letter that is marked: "Answer: B", "\boxed{B}", "(B)", or "B" alone
  kExact,      // the marked answer, else all of the response: same text in any case and spacing
  kContained,  // the gold's words stand in the response, in any case and spacing
};

// "auto", "math", "number", "choice", "exact", "contains", in the order of AnswerMatch.
std::span<const std::string> AnswerMatchNames();
// Throws Error(kUsage) with the nearest name.
AnswerMatch AnswerMatchFromName(std::string_view name);

struct MatchedAnswer {
  bool correct = false;
  std::string extracted;  // the answer as written; "" where there is no single one
  std::string reason;     // one short line for a person
};

// Thinking before </think> never counts. Throws Error(kUsage) if `gold` is nothing that this way
// of looking can compare with: empty, no number, no letter.
MatchedAnswer MatchAnswer(AnswerMatch how, std::string_view gold, std::string_view response);

// What follows the last </think>, up to a <think> that stays open: what a response says.
std::string_view WithoutThinking(std::string_view response);

}  // namespace agon::envs
