// Finds the final answer in a completion.
//
// The answer stands after a marker: \boxed{x}, "#### x" or "Answer: x" (any case) to the
// end of its line. What precedes the last </think>, or follows an open <think>, is
// thinking and doesn't count. A completion that offers two answers has none: different
// boxes, or markers of different kinds that disagree. A later "Answer:" or "####" replaces
// an earlier one, as a person corrects himself.
//
// Untrusted bytes: one pass, linear time, no recursion.
#pragma once

#include <string>
#include <string_view>

namespace agon::envs {

struct ExtractedAnswer {
  std::string text;     // as written, trimmed; "" where there is no single answer
  std::string problem;  // why `text` is empty: "no answer", "two answers", "too long"
};

ExtractedAnswer ExtractAnswer(std::string_view completion);

}  // namespace agon::envs
