// Verdicts in what a judge model wrote: "[[A]]", "[[B]]", "[[C]]" for a tie; "[[7]]".
//
// Strict on purpose: a text that holds no verdict, or two that differ, is a parse error and
// never a win. (FastChat's MT-Bench parser looks for "[[A]]" first, so that a reply which quotes
// both counts for A: a position bias that the parser makes.) Thinking doesn't count: what stands
// before the last </think>, and what follows a <think> that isn't closed. Untrusted bytes, linear
// time, pure and thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "judge/judge.h"

namespace agon::judge {

struct ReadPreference {
  std::optional<Preference> preference;  // kA: [[A]]
  std::string problem;                   // why there is none: "no verdict", "two verdicts: ..."
};
// "A", "B", "C" and "tie" in any case.
ReadPreference ParsePreference(std::string_view said);

struct ReadRating {
  std::optional<double> rating;  // within [lowest, highest]
  std::string problem;
};
// "[[7]]", "[[7.5]]" and "[[7/10]]" where `highest` is 10.
ReadRating ParseRating(std::string_view said, double lowest, double highest);

}  // namespace agon::judge
