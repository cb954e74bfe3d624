#include "envs/math/extract.h"

#include <optional>
#include <vector>

#include "envs/math/rational.h"

namespace agon::envs {
namespace {

constexpr size_t kMaxAnswerBytes = 200;
constexpr std::string_view kBox = "\\boxed{";
constexpr std::string_view kDecoration = "*`$ \t\r";

bool IsWordByte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

std::string_view AfterThinking(std::string_view text) {
  constexpr std::string_view kOpen = "<think>", kClose = "</think>";
  if (const size_t close = text.rfind(kClose); close != std::string_view::npos) {
    text.remove_prefix(close + kClose.size());
  }
  return text.substr(0, text.find(kOpen));
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

// The innermost boxes must all hold the same answer.
class Boxes {
 public:
  void Scan(std::string_view text) {
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\\' && text.substr(i, kBox.size()) == kBox) {
        i += kBox.size() - 1;
        open_.push_back({i + 1, true});
      } else if (text[i] == '{') {
        open_.push_back({i + 1, false});
      } else if (text[i] == '}' && !open_.empty()) {
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
  const std::optional<std::string_view>& answer() const { return answer_; }
  bool disagree() const { return disagree_; }

 private:
  struct Brace {
    size_t start;
    bool is_box;
  };
  void Record(std::string_view content) {
    if (content.size() > kMaxAnswerBytes) content = content.substr(0, kMaxAnswerBytes + 1);
    if (answer_ && !SameAnswer(*answer_, content)) disagree_ = true;
    answer_ = content;
  }

  std::vector<Brace> open_;
  size_t last_box_start_ = 0;
  std::optional<std::string_view> answer_;
  bool disagree_ = false;
};

// The rest of the line behind the last `marker` (in lower case).
std::optional<std::string_view> AfterLastMarker(std::string_view text, std::string_view marker) {
  for (size_t i = text.size() < marker.size() ? 0 : text.size() - marker.size() + 1; i-- > 0;) {
    size_t matched = 0;
    while (matched < marker.size()) {
      const char c = text[i + matched];
      const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
      if (lower != marker[matched]) break;
      ++matched;
    }
    if (matched < marker.size()) continue;
    if (IsWordByte(marker[0]) && i > 0 && IsWordByte(text[i - 1])) continue;
    const std::string_view rest = text.substr(i + marker.size());
    return rest.substr(0, rest.find('\n'));
  }
  return std::nullopt;
}

// Tells "#### 42" from a Markdown heading.
bool StartsLikeAnswer(std::string_view text) {
  constexpr std::string_view kFirst = "0123456789+-.$(";
  return !text.empty() && kFirst.find(text[0]) != std::string_view::npos;
}

}  // namespace

ExtractedAnswer ExtractAnswer(std::string_view completion) {
  const std::string_view text = AfterThinking(completion);
  Boxes boxes;
  boxes.Scan(text);
  if (boxes.disagree()) return {"", "two answers"};

  std::optional<std::string_view> answer = boxes.answer();
  for (const std::string_view marker : {"####", "answer:"}) {
    auto line = AfterLastMarker(text, marker);
    // "Answer: \boxed{5}" and "#### Answer: 5" are one answer, found by the other marker.
    if (!line || line->find(kBox) != std::string_view::npos) continue;
    line = Undecorated(*line);
    if (marker == "####" && !StartsLikeAnswer(*line)) continue;
    if (answer && !SameAnswer(*answer, *line)) return {"", "two answers"};
    answer = line;
  }
  if (!answer || answer->empty()) return {"", "no answer"};
  if (answer->size() > kMaxAnswerBytes) return {"", "too long"};
  return {std::string(*answer), ""};
}

}  // namespace agon::envs
