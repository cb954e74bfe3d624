#include "envs/math/extract.h"

#include <cstring>

#include "envs/math/rational.h"

namespace agon::envs {
namespace {

constexpr size_t kMaxAnswerBytes = 200;
constexpr std::string_view kBox = "\\boxed{";
constexpr std::string_view kDecoration = "*`$ \t\r";

bool IsWordByte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// Markdown emphasis and math quotes around an answer; a $ that opens a price stays.
std::string_view Undecorated(std::string_view text) {
  text = TrimSpace(text);
  while (!text.empty() && kDecoration.find(text.back()) != std::string_view::npos) {
    text.remove_suffix(1);
  }
  while (!text.empty() && text[0] != '$' && kDecoration.find(text[0]) != std::string_view::npos) {
    text.remove_prefix(1);
  }
  return text;
}

bool SameAnswer(std::string_view a, std::string_view b) {
  if (a == b) return true;
  const auto x = ParseNumber(a), y = ParseNumber(b);
  return x && y && *x == *y;
}

// Position of the last `needle` in `text`, or npos.
size_t RFind(std::string_view text, std::string_view needle) {
  while (text.size() >= needle.size()) {
    const size_t num_starts = text.size() - needle.size() + 1;
    const void* const start = memrchr(text.data(), needle[0], num_starts);
    if (start == nullptr) break;
    const auto i = static_cast<size_t>(static_cast<const char*>(start) - text.data());
    if (text.substr(i, needle.size()) == needle) return i;
    text = text.substr(0, i + needle.size() - 1);
  }
  return std::string_view::npos;
}

std::string_view AfterThinking(std::string_view text) {
  constexpr std::string_view kOpen = "<think>", kClose = "</think>";
  if (const size_t close = RFind(text, kClose); close != std::string_view::npos) {
    text.remove_prefix(close + kClose.size());
  }
  return text.substr(0, text.find(kOpen));
}

// What stands in the innermost boxes that close.
class Boxes {
 public:
  explicit Boxes(OfferedAnswers& found) : found_(found) {}

  void Scan(std::string_view text) {
    // A brace that opens before the first box changes nothing.
    const size_t first = text.find(kBox);
    if (first == std::string_view::npos) return;
    for (size_t i = first; i < text.size(); ++i) {
      const char c = text[i];
      if (c == '\\') {
        if (text.substr(i, kBox.size()) == kBox) {
          i += kBox.size() - 1;
          open_.push_back({i + 1, true});
        } else if (i + 1 < text.size() && (text[i + 1] == '{' || text[i + 1] == '}')) {
          ++i;  // a brace that is shown groups nothing
        }
      } else if (c == '{') {
        open_.push_back({i + 1, false});
      } else if (c == '}' && !open_.empty()) {
        const Brace brace = open_.back();
        open_.pop_back();
        // A box around a box was recorded when the inner one closed.
        if (brace.is_box && brace.start > last_box_start_) {
          last_box_start_ = brace.start;
          Record(Undecorated(text.substr(brace.start, i - brace.start)));
        }
      }
    }
  }

 private:
  struct Brace {
    size_t start;
    bool is_box;
  };
  void Record(std::string_view content) {
    if (!found_.boxes.empty() && found_.boxes.back() == content) return;
    if (found_.boxes.size() == kMaxBoxes) {
      found_.too_many_boxes = true;
    } else {
      found_.boxes.push_back(content);
    }
  }

  OfferedAnswers& found_;
  std::vector<Brace> open_;
  size_t last_box_start_ = 0;
};

// The rest of the line behind the last `marker` (in lower case).
std::optional<std::string_view> AfterLastMarker(std::string_view text, std::string_view marker) {
  const char last = marker.back();  // no letter, so its case is one
  for (size_t end = text.size(); end >= marker.size();) {
    const void* const found = memrchr(text.data(), last, end);
    if (found == nullptr) break;
    end = static_cast<size_t>(static_cast<const char*>(found) - text.data());
    if (end + 1 < marker.size()) break;
    const size_t start = end + 1 - marker.size();
    size_t matched = 0;
    while (matched < marker.size()) {
      const char c = text[start + matched];
      const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
      if (lower != marker[matched]) break;
      ++matched;
    }
    if (matched < marker.size()) continue;
    if (IsWordByte(marker[0]) && start > 0 && IsWordByte(text[start - 1])) continue;
    const std::string_view rest = text.substr(end + 1);
    return rest.substr(0, rest.find('\n'));
  }
  return std::nullopt;
}

}  // namespace

bool StartsLikeNumber(std::string_view text) {
  constexpr std::string_view kFirst = "0123456789+-.$(";
  return !text.empty() && kFirst.find(text[0]) != std::string_view::npos;
}

OfferedAnswers FindAnswers(std::string_view completion) {
  const std::string_view text = AfterThinking(completion);
  OfferedAnswers found;
  Boxes(found).Scan(text);
  const auto marked = [&](std::string_view marker) {
    auto line = AfterLastMarker(text, marker);
    // "Answer: \boxed{5}" and "#### Answer: 5" are one answer, found by the other marker.
    if (line && line->find(kBox) != std::string_view::npos) line.reset();
    if (line) line = Undecorated(*line);
    return line;
  };
  found.hash_line = marked("####");
  found.line = marked("answer:");
  return found;
}

ExtractedAnswer ExtractAnswer(std::string_view completion) {
  const OfferedAnswers found = FindAnswers(completion);
  if (found.too_many_boxes) return {"", "two answers"};
  std::optional<std::string_view> answer;
  for (std::string_view box : found.boxes) {
    if (box.size() > kMaxAnswerBytes) box = box.substr(0, kMaxAnswerBytes + 1);
    if (answer && !SameAnswer(*answer, box)) return {"", "two answers"};
    answer = box;
  }
  const bool is_heading = found.hash_line && !StartsLikeNumber(*found.hash_line);
  for (const auto& line : {is_heading ? std::nullopt : found.hash_line, found.line}) {
    if (!line) continue;
    if (answer && !SameAnswer(*answer, *line)) return {"", "two answers"};
    answer = line;
  }
  if (!answer || answer->empty()) return {"", "no answer"};
  if (answer->size() > kMaxAnswerBytes) return {"", "too long"};
  return {std::string(*answer), ""};
}

}  // namespace agon::envs
