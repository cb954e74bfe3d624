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

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agon::envs {

struct ExtractedAnswer {
  std::string text;     // as written, trimmed; "" where there is no single answer
  std::string problem;  // why `text` is empty: "no answer", "two answers", "too long"
};

ExtractedAnswer ExtractAnswer(std::string_view completion);

// Everything that a completion offers as an answer, for callers who judge for themselves
// which of them agree. Views into the completion, without emphasis and spaces around them.
struct OfferedAnswers {
  std::vector<std::string_view> boxes;        // innermost, in order; repetitions left out
  bool too_many_boxes = false;                // more than kMaxBoxes different ones
  std::optional<std::string_view> hash_line;  // behind the last "####", heading or not
  std::optional<std::string_view> line;       // behind the last "Answer:"
};
inline constexpr size_t kMaxBoxes = 64;

OfferedAnswers FindAnswers(std::string_view completion);

// Whether the text behind "####" starts as a number does, unlike most Markdown headings.
bool StartsLikeNumber(std::string_view text);

}  // namespace agon::envs
