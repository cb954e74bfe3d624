// The names that mathematics and units go by in answers. Private to the lexer and parser.
#pragma once

#include <optional>
#include <string_view>

#include "envs/math/answer_lexer.h"

namespace agon::envs {

struct Meaning {
  TokenKind kind;
  std::string_view text;
};

// The meaning of \name; nullopt if it has none here.
std::optional<Meaning> CommandMeaning(std::string_view name);
// Commands that only lay out: \left, \quad, \displaystyle.
bool IsLayoutCommand(std::string_view name);
// \text, \mathrm, ...: their argument is read as letters.
bool IsTextCommand(std::string_view name);

// The sign that `text` starts with, in UTF-8 or ASCII ("≤", "<="), the longest first;
// `length` is its bytes.
std::optional<Meaning> SignMeaning(std::string_view text, size_t& length);

// The meaning of a run of letters outside of LaTeX ("sin", "and", "percent"); kWord for
// units and short words such as "no". nullopt for anything else.
std::optional<Meaning> WordMeaning(std::string_view word);

// 1,000 for "thousand"; 0 if the word is no number.
long long Magnitude(std::string_view word);
// Whether a word behind a number changes its value, takes it back or is a number itself
// ("squared", "not", "twenty-six").
bool ChangesValue(std::string_view word);
// One name for all spellings of a unit of measurement ("cm" for "centimeters"); "" for
// anything else.
std::string_view CanonicalUnit(std::string_view word);

}  // namespace agon::envs
