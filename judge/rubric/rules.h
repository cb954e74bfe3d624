// The kinds of rules. Private to judge.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/json.h"
#include "judge/rubric/rubric.h"

namespace agon::judge {

using RuleCheck = std::function<RuleValue(const Question&, std::string_view text)>;

// The check of `rule`, an object with "kind" and the keys of that kind. Throws Error(kUsage)
// naming `where`.
RuleCheck MakeRuleCheck(const Json& rule, const std::string& where);

// The language that `text` is written in, by its script and most common words: "en", "de",
// "fr", "es", "it", "pt", "nl", "ru", "el", "ar", "he", "hi", "th", "ko", "ja", "zh"; "" if there
// is too little to tell. A rough guess, for texts of a sentence or more.
std::string GuessLanguage(std::string_view text);
bool IsKnownLanguage(std::string_view code);

}  // namespace agon::judge
