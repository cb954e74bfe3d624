#include "envs/reason/text.h"

#include <algorithm>
#include <utility>

namespace agon::envs {

std::string Listed(const std::vector<std::string>& items, std::string_view last) {
  std::string text;
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) text += i + 1 == items.size() ? last : ", ";
    text += items[i];
  }
  return text;
}

std::string Listed(const std::vector<int64_t>& numbers, std::string_view last) {
  std::vector<std::string> items;
  for (const int64_t number : numbers) items.push_back(std::to_string(number));
  return Listed(items, last);
}

std::vector<std::string> PiecesOf(std::string_view text, std::string_view separators) {
  std::vector<std::string> pieces;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find_first_of(separators, start), text.size());
    if (end > start) pieces.emplace_back(text.substr(start, end - start));
    start = end + 1;
  }
  return pieces;
}

Verdict Judged(ExtractedAnswer found, std::string problem) {
  if (found.text.empty()) return {false, "", std::move(found.problem)};
  const bool correct = problem.empty();
  return {correct, std::move(found.text), correct ? "right" : std::move(problem)};
}

int64_t GreatestCommonDivisor(int64_t a, int64_t b, std::vector<std::string>* steps) {
  if (a < b) std::swap(a, b);
  while (b != 0) {
    const int64_t rest = a % b;
    if (steps != nullptr) {
      steps->push_back(std::to_string(a) + "=" + std::to_string(a / b) + "*" + std::to_string(b) +
                       (rest == 0 ? "" : "+" + std::to_string(rest)));
    }
    a = std::exchange(b, rest);
  }
  return a;
}

}  // namespace agon::envs
