#include "judge/model/verdict_text.h"

#include <charconv>
#include <cmath>

#include "envs/answer_match.h"

namespace agon::judge {
namespace {

// Marks are short: "[[", at most this much, "]]".
constexpr size_t kMaxMarkBytes = 16;

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

// Calls `visit` with what each mark holds, in order.
template <typename Visit>
void ForEachMark(std::string_view text, const Visit& visit) {
  for (size_t at = text.find("[["); at != std::string_view::npos; at = text.find("[[", at + 1)) {
    const std::string_view behind = text.substr(at + 2, kMaxMarkBytes + 2);
    const size_t end = behind.find("]]");
    if (end != std::string_view::npos) visit(Trimmed(behind.substr(0, end)));
  }
}

std::optional<Preference> NamedPreference(std::string_view mark) {
  if (mark == "A" || mark == "a") return Preference::kA;
  if (mark == "B" || mark == "b") return Preference::kB;
  if (mark == "C" || mark == "c" || mark == "tie" || mark == "Tie" || mark == "TIE") {
    return Preference::kTie;
  }
  return std::nullopt;
}

// Digits and a point; from_chars alone would take "nan", "inf" and exponents.
std::optional<double> NamedRating(std::string_view mark, double highest) {
  const size_t slash = mark.find('/');
  if (slash != std::string_view::npos) {
    const auto of = NamedRating(mark.substr(slash + 1), highest);
    if (!of || *of != highest) return std::nullopt;
    mark = mark.substr(0, slash);
  }
  const std::string_view digits = mark.starts_with('-') ? mark.substr(1) : mark;
  if (digits.empty() || digits.find_first_not_of("0123456789.") != std::string_view::npos) {
    return std::nullopt;
  }
  double value = 0;
  const auto read = std::from_chars(mark.data(), mark.data() + mark.size(), value);
  if (read.ec != std::errc() || read.ptr != mark.data() + mark.size()) return std::nullopt;
  return value;
}

}  // namespace

ReadPreference ParsePreference(std::string_view said) {
  ReadPreference read;
  bool differ = false;
  ForEachMark(envs::WithoutThinking(said), [&](std::string_view mark) {
    const auto named = NamedPreference(mark);
    if (!named) return;
    differ |= read.preference && *read.preference != *named;
    read.preference = named;
  });
  if (differ) return {std::nullopt, "two verdicts"};
  if (!read.preference) read.problem = "no verdict";
  return read;
}

ReadRating ParseRating(std::string_view said, double lowest, double highest) {
  ReadRating read;
  bool differ = false;
  ForEachMark(envs::WithoutThinking(said), [&](std::string_view mark) {
    const auto named = NamedRating(mark, highest);
    if (!named) return;
    differ |= read.rating && *read.rating != *named;
    read.rating = named;
  });
  if (differ) return {std::nullopt, "two ratings"};
  if (!read.rating) return {std::nullopt, "no rating"};
  if (*read.rating < lowest || *read.rating > highest) {
    return {std::nullopt, "the rating is out of range"};
  }
  return read;
}

}  // namespace agon::judge
