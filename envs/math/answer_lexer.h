// Turns an answer, in LaTeX or plain, into tokens of one vocabulary.
//
//   \dfrac12, 1/2          \left( 3,\!141 \right)        3{,}141
//   \text{ cm}, cm         \le <= ≤                      \boxed{x}
//
// Spelling ends here: layout commands, spaces, dollar signs, thousands separators and the
// many names of one sign are gone, and what is unknown stays visible as such. Untrusted
// bytes: one pass, linear time, no recursion beyond kMaxTextNesting, no regular
// expressions. Pure and thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace agon::envs {

enum class TokenKind {
  kNumber,    // "1234", "0.5", "3.2e5", "0.1(6)" with a repeating end
  kSymbol,    // variable, greek letter, "pi"
  kWord,      // several letters outside of LaTeX: a unit, "yes", "Tuesday"
  kText,      // letters inside of \text{} and the like
  kFunction,  // "sin"
  kFraction,  // \frac: two arguments follow
  kBinomial,  // \binom: two arguments follow
  kRoot,      // \sqrt: [degree] and an argument follow
  kPlus,
  kMinus,
  kPlusMinus,  // "+" first
  kMinusPlus,  // "-" first
  kTimes,
  kDivide,
  kPower,
  kSubscript,
  kFactorial,
  kPercent,
  kDegree,
  kPrime,
  kOpen,   // text: "(", "[", "{" (groups), "\{" (a set), "|"
  kClose,  // the same with ")", "]", "}", "\}", "|"
  kBar,    // "|" that may open or close
  kComma,
  kSemicolon,
  kColon,
  kSeparator,  // "and", "or"
  kRelation,   // text: "=", "<", ">", "<=", ">=", "!=", "~" (about)
  kMember,     // "is in"
  kUnion,
  kIntersection,
  kInfinity,
  kEmptySet,
  kBeginMatrix,  // text: "matrix", or the environment's name where it means something else
  kEndMatrix,
  kAmpersand,
  kNewRow,
  kUnknown,
  kEnd,  // always the last token
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;
  bool space_before = false;
};

struct LexOptions {
  // "1.000,99" is one thousand and 99 hundredths; a comma between digits is decimal.
  bool european_comma = false;
};

std::vector<Token> LexAnswer(std::string_view text, const LexOptions& options);

// What the tokens look like, to compare answers that aren't understood.
std::string Spell(const std::vector<Token>& tokens);

}  // namespace agon::envs
