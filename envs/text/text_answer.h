// Answers that are a text rather than a number.
#pragma once

#include <string>
#include <string_view>

#include "envs/math/extract.h"

namespace agon::envs {

// The answer found in a completion: as ExtractAnswer, but a heading "#### other" behind it
// is another answer, too. Untrusted bytes, linear time.
ExtractedAnswer ExtractText(std::string_view completion);

// `text` in ASCII lower case.
std::string LowerCase(std::string_view text);

// In lower case, one space between words, without a final full stop: what counts of a text
// when two are compared.
std::string PlainText(std::string_view text);

}  // namespace agon::envs
