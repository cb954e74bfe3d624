#include "envs/answer_match.h"

#include <array>
#include <optional>
#include <utility>

#include "core/ascii.h"
#include "core/error.h"
#include "core/names.h"
#include "envs/math/extract.h"
#include "envs/math/grade.h"
#include "envs/math/rational.h"
#include "envs/text/text_answer.h"

namespace agon::envs {
namespace {

// A single line this short may be an answer without a marker.
constexpr size_t kMaxBareBytes = 200;

const std::array<std::string, 6> kNames = {"auto", "math", "number", "choice", "exact", "contains"};

[[noreturn]] void ThrowBadGold(std::string_view gold, const char* wanted) {
  throw Error(ErrorKind::kUsage,
              "the reference \"" + std::string(gold.substr(0, 60)) + "\" is no " + wanted,
              "reference");
}

MatchedAnswer Judged(bool correct, std::string extracted, std::string_view gold) {
  return {correct, std::move(extracted),
          correct ? "right" : "wrong, the answer is " + std::string(gold.substr(0, 60))};
}

bool IsWord(char c) {
  return IsAsciiDigit(c) || IsAsciiLetter(c) || static_cast<unsigned char>(c) >= 0x80;
}

bool IsBare(std::string_view text) {
  return !text.empty() && text.size() <= kMaxBareBytes && text.find('\n') == std::string_view::npos;
}

bool HasMarker(std::string_view response) {
  const OfferedAnswers offered = FindAnswers(response);
  return !offered.boxes.empty() || offered.hash_line || offered.line;
}

MatchedAnswer MatchMath(std::string_view gold, std::string_view response) {
  const std::string_view said = TrimSpace(WithoutThinking(response));
  const std::string marked =
      !HasMarker(response) && IsBare(said) ? "Answer: " + std::string(said) : std::string(response);
  try {
    MathGrade grade = GradeMath(gold, marked);
    return {grade.correct, std::move(grade.extracted), std::move(grade.reason)};
  } catch (const Error&) {
    ThrowBadGold(gold, "answer");
  }
}

// The last run of digits with the sign, points, commas and slash that belong to it.
std::optional<std::string_view> LastNumber(std::string_view text) {
  size_t end = text.size();
  while (end > 0 && !IsAsciiDigit(text[end - 1])) --end;
  if (end == 0) return std::nullopt;
  size_t begin = end;
  while (begin > 0) {
    const char c = text[begin - 1];
    const bool joins =
        (c == '.' || c == ',' || c == '/') && begin > 1 && IsAsciiDigit(text[begin - 2]);
    if (!IsAsciiDigit(c) && !joins) break;
    --begin;
  }
  if (begin > 0 && text[begin - 1] == '.') --begin;  // ".5"
  const bool is_signed = begin > 0 && (text[begin - 1] == '-' || text[begin - 1] == '+') &&
                         (begin == 1 || !IsWord(text[begin - 2]));
  if (is_signed) --begin;
  return text.substr(begin, end - begin);
}

MatchedAnswer MatchNumber(std::string_view gold, std::string_view response) {
  const auto wanted = ParseNumber(gold);
  if (!wanted) ThrowBadGold(gold, "number");
  const auto last = LastNumber(WithoutThinking(response));
  if (!last) return {false, "", "no number"};
  const auto value = ParseNumber(*last);
  if (!value) return {false, std::string(last->substr(0, kMaxBareBytes)), "not one number"};
  return Judged(*value == *wanted, std::string(*last), gold);
}

// The letter of "B", "(B)", "B." or "**B) because": alone, or before a mark that ends it.
std::optional<char> LeadingLetter(std::string_view text) {
  while (!text.empty() &&
         std::string_view(" \t\r\n*$([{").find(text[0]) != std::string_view::npos) {
    text.remove_prefix(1);
  }
  if (text.empty() || !IsAsciiLetter(text[0])) return std::nullopt;
  if (text.size() > 1 &&
      std::string_view(" \t\r\n*$.,:;)]}").find(text[1]) == std::string_view::npos) {
    return std::nullopt;
  }
  const char upper = static_cast<char>(text[0] & ~0x20);
  if (upper > 'J') return std::nullopt;
  // "A dog ...", "I think ...": a word, not a choice.
  const bool is_word = text.size() > 2 && text[1] == ' ' && IsAsciiLetter(text[2]);
  return is_word ? std::nullopt : std::optional(upper);
}

// The one letter that stands as "(B)" somewhere; nullopt if there are two.
std::optional<char> ParenthesizedLetter(std::string_view text) {
  std::optional<char> found;
  for (size_t i = 0; i + 2 < text.size(); ++i) {
    if (text[i] != '(' || text[i + 2] != ')' || text[i + 1] < 'A' || text[i + 1] > 'J') continue;
    if (found && *found != text[i + 1]) return std::nullopt;
    found = text[i + 1];
  }
  return found;
}

MatchedAnswer MatchChoice(std::string_view gold, std::string_view response) {
  const auto wanted = LeadingLetter(gold);
  if (!wanted) ThrowBadGold(gold, "letter from A to J");
  std::optional<char> letter;
  if (HasMarker(response)) {
    const ExtractedAnswer found = ExtractText(response);
    if (found.text.empty()) return {false, "", found.problem};
    letter = LeadingLetter(found.text);
  } else {
    const std::string_view said = TrimSpace(WithoutThinking(response));
    letter = IsBare(said) ? LeadingLetter(said) : std::nullopt;
    if (!letter) letter = ParenthesizedLetter(said);
  }
  if (!letter) return {false, "", "no single letter"};
  return Judged(*letter == *wanted, std::string(1, *letter), gold);
}

MatchedAnswer MatchExact(std::string_view gold, std::string_view response) {
  std::string_view said = TrimSpace(WithoutThinking(response));
  ExtractedAnswer found;
  if (HasMarker(response)) {
    found = ExtractText(response);
    if (found.text.empty()) return {false, "", found.problem};
    said = found.text;
  }
  return Judged(PlainText(said) == PlainText(gold), std::string(said.substr(0, kMaxBareBytes)),
                gold);
}

MatchedAnswer MatchContained(std::string_view gold, std::string_view response) {
  const std::string text = PlainText(WithoutThinking(response)), words = PlainText(gold);
  for (size_t at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) {
    const size_t end = at + words.size();
    const bool starts = at == 0 || !IsWord(text[at - 1]) || !IsWord(words.front());
    const bool ends = end == text.size() || !IsWord(text[end]) || !IsWord(words.back());
    if (starts && ends) return Judged(true, std::string(gold), gold);
  }
  return {false, "", "not in the response"};
}

}  // namespace

std::span<const std::string> AnswerMatchNames() { return kNames; }

AnswerMatch AnswerMatchFromName(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<AnswerMatch>(i);
  }
  const std::string nearest = NearestName(name, kNames);
  throw Error(ErrorKind::kUsage, "no way of matching is called \"" + std::string(name) + "\"",
              "reference",
              nearest.empty() ? "known are auto, math, number, choice, exact, contains"
                              : "did you mean \"" + nearest + "\"?");
}

MatchedAnswer MatchAnswer(AnswerMatch how, std::string_view gold, std::string_view response) {
  if (PlainText(gold).empty()) ThrowBadGold(gold, "answer");
  switch (how) {
    case AnswerMatch::kAuto: {
      const std::string_view letter = TrimSpace(gold);
      const bool is_choice = letter.size() == 1 && letter[0] >= 'A' && letter[0] <= 'J';
      return is_choice ? MatchChoice(letter, response) : MatchMath(gold, response);
    }
    case AnswerMatch::kMath:
      return MatchMath(gold, response);
    case AnswerMatch::kNumber:
      return MatchNumber(gold, response);
    case AnswerMatch::kChoice:
      return MatchChoice(gold, response);
    case AnswerMatch::kExact:
      return MatchExact(gold, response);
    case AnswerMatch::kContained:
      return MatchContained(gold, response);
  }
  AGON_CHECK(false, "unknown way of matching");
}

std::string_view WithoutThinking(std::string_view response) {
  constexpr std::string_view kOpen = "<think>", kClose = "</think>";
  if (const size_t close = response.rfind(kClose); close != std::string_view::npos) {
    response.remove_prefix(close + kClose.size());
  }
  return response.substr(0, response.find(kOpen));
}

}  // namespace agon::envs
