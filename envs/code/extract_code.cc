#include <algorithm>
#include <optional>

#include "envs/code/grader.h"

namespace agon::envs {
namespace {

constexpr std::string_view kFence = "```";

std::string_view AfterThinking(std::string_view text) {
  constexpr std::string_view kOpen = "<think>", kClose = "</think>";
  if (const size_t close = text.rfind(kClose); close != std::string_view::npos) {
    text.remove_prefix(close + kClose.size());
  }
  return text.substr(0, text.find(kOpen));
}

// The next line of `text`, which loses it.
std::string_view TakeLine(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

std::string_view TrimLine(std::string_view line) {
  const size_t begin = line.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return "";
  return line.substr(begin, line.find_last_not_of(" \t\r") + 1 - begin);
}

}  // namespace

std::string ExtractCode(std::string_view response) {
  const std::string_view text = AfterThinking(response);
  std::optional<std::string_view> python, any;
  const char* block = nullptr;  // where the open block begins
  bool is_python = false;
  std::string_view rest = text;
  const auto close = [&](const char* end) {
    any = std::string_view(block, static_cast<size_t>(end - block));
    if (is_python) python = any;
    block = nullptr;
  };
  while (!rest.empty()) {
    const std::string_view line = TakeLine(rest), trimmed = TrimLine(line);
    if (!trimmed.starts_with(kFence)) continue;
    if (block == nullptr) {
      const std::string_view label = TrimLine(trimmed.substr(kFence.size()));
      is_python = label == "python" || label == "py" || label == "python3" || label == "Python";
      block = rest.data();
    } else if (trimmed == kFence) {
      close(line.data());
    }
  }
  if (block != nullptr) close(text.data() + text.size());
  return std::string(python ? *python : any ? *any : text);
}

}  // namespace agon::envs
