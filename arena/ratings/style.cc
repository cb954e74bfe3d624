// What a reply looks like, apart from what it says.
#include <algorithm>
#include <cctype>

#include "arena/ratings.h"

namespace agon::arena {
namespace {

bool IsSpace(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

bool IsHeader(std::string_view line) {
  const size_t marks = std::min(line.find_first_not_of('#'), line.size());
  return marks >= 1 && marks <= 6 && marks < line.size() && line[marks] == ' ';
}

// "- x", "* x", "+ x" or "12. x", indented or not.
bool IsListItem(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  if (line.size() >= 2 && (line[0] == '-' || line[0] == '*' || line[0] == '+')) {
    return line[1] == ' ';
  }
  const size_t digits = std::min(line.find_first_not_of("0123456789"), line.size());
  return digits >= 1 && digits <= 9 && digits + 1 < line.size() && line[digits] == '.' &&
         line[digits + 1] == ' ';
}

double CountWords(std::string_view text) {
  double words = 0;
  bool was_space = true;
  for (const char c : text) {
    words += was_space && !IsSpace(c);
    was_space = IsSpace(c);
  }
  return words;
}

// Closed pairs of "**" or "__" with something between.
double CountBold(std::string_view text) {
  double spans = 0;
  for (size_t at = 0; at + 2 < text.size();) {
    const std::string_view mark = text.substr(at, 2);
    const size_t end = mark == "**" || mark == "__" ? text.find(mark, at + 3) : text.npos;
    if (end != text.npos && text.find('\n', at) > end) {
      ++spans;
      at = end + 2;
    } else {
      ++at;
    }
  }
  return spans;
}

}  // namespace

Style StyleOf(std::string_view markdown) {
  Style style{};
  bool is_code = false;
  while (!markdown.empty()) {
    const size_t end = std::min(markdown.find('\n'), markdown.size());
    const std::string_view line = markdown.substr(0, end);
    markdown.remove_prefix(std::min(end + 1, markdown.size()));
    style[0] += CountWords(line);
    if (line.starts_with("```")) is_code = !is_code;
    if (is_code) continue;
    style[1] += IsHeader(line);
    style[2] += IsListItem(line);
    style[3] += CountBold(line);
  }
  return style;
}

Style StyleDifference(const Style& a, const Style& b) {
  Style difference{};
  for (size_t f = 0; f < kNumStyles; ++f) difference[f] = (a[f] - b[f]) / (a[f] + b[f] + 1);
  return difference;
}

}  // namespace agon::arena
