#include "envs/text/text_answer.h"

#include "envs/math/rational.h"

namespace agon::envs {

ExtractedAnswer ExtractText(std::string_view completion) {
  ExtractedAnswer found = ExtractAnswer(completion);
  const size_t heading = completion.rfind("####");
  if (found.text.empty() || heading == std::string_view::npos) return found;
  const std::string_view behind = completion.substr(heading + 4);
  const bool is_last = LowerCase(behind).find("answer:") == std::string::npos &&
                       behind.find("\\boxed{") == std::string_view::npos;
  if (is_last && PlainText(behind.substr(0, behind.find('\n'))) != PlainText(found.text)) {
    return {"", "two answers"};
  }
  return found;
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  return lower;
}

std::string PlainText(std::string_view text) {
  std::string plain;
  for (const char c : LowerCase(TrimSpace(text))) {
    const bool is_space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (is_space && plain.ends_with(' ')) continue;
    plain += is_space ? ' ' : c;
  }
  if (plain.ends_with('.')) plain.pop_back();
  return plain;
}

}  // namespace agon::envs
