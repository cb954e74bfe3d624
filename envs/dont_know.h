// Saying that one doesn't know. Untrusted bytes, linear time; pure and thread-safe.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "envs/env.h"

namespace agon::envs {

// Several ways to say it, for demonstrations: "I don't know.", ...
std::span<const std::string_view> DontKnowReplies();

// Whether that is all that `reply` says, in one of some twenty ways, in any case, spacing and
// apostrophes. Beside any other word it is an answer ("I don't know, maybe Paris").
bool SaysDontKnow(std::string_view reply);

// A reply to a question whose right answers are known: earns 1 if the marked answer, or else all
// of it, is one of `answers` (AnswerMatch::kExact). `reason` tells admitted ignorance from a wrong
// answer. Of a reply that was cut, the last line may lack its end and doesn't count.
// REQUIRES: one or more answers, none empty.
Outcome GradeReply(std::span<const std::string> answers, std::string_view reply, bool truncated);

}  // namespace agon::envs
