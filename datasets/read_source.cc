#include "datasets/read_source.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "datasets/clean.h"
#include "datasets/html_text.h"
#include "datasets/wordnet.h"

namespace agon::datasets {
namespace {

constexpr int64_t kMaxFileBytes = int64_t{64} << 20, kMaxHtmlBytes = int64_t{8} << 20;

void Drop(const char* reason, FileTexts& out) { ++out.dropped[reason]; }

void AddText(std::string text, bool is_prose, FileTexts& out) {
  const char* reason = CleanText(text);
  if (*reason == '\0' && is_prose) reason = CheckProse(text);
  if (*reason != '\0') return Drop(reason, out);
  out.texts.push_back(std::move(text));
}

bool IsProse(const fs::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".txt" || extension == ".md" || extension == ".rst";
}

// The text of one line; `is_chat` says that it came from `messages`. "" if there is none.
std::string JsonText(const Json& line, const std::string& field, bool& is_chat) {
  is_chat = false;
  if (!line.is_object()) return "";
  if (const auto it = line.find(field); it != line.end() && it->is_string()) {
    return it->get<std::string>();
  }
  const auto messages = line.find("messages");
  if (messages == line.end() || !messages->is_array()) return "";
  is_chat = true;
  std::string text;
  for (const Json& message : *messages) {
    if (!message.is_object()) continue;
    const auto content = message.find("content");
    if (content == message.end() || !content->is_string()) continue;
    text += (text.empty() ? "" : "\n\n") + content->get<std::string>();
  }
  return text;
}

void ReadJsonLines(const SourceSpec& spec, std::string_view bytes, FileTexts& out) {
  for (size_t i = 0; i < bytes.size();) {
    const size_t end = std::min(bytes.find('\n', i), bytes.size());
    const std::string_view line = bytes.substr(i, end - i);
    i = end + 1;
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    try {
      bool is_chat = false;
      std::string text = JsonText(ParseJson(line, spec.name), spec.json_field, is_chat);
      if (text.empty()) {
        Drop("no text", out);
      } else {
        AddText(std::move(text), !is_chat, out);
      }
    } catch (const Error&) {
      Drop("broken line", out);
    }
  }
}

void ReadHtml(std::string bytes, FileTexts& out) {
  const char* reason = CleanText(bytes);
  if (*reason != '\0') return Drop(reason, out);
  HtmlText html = ExtractHtmlText(bytes);
  if (*html.dropped != '\0') return Drop(html.dropped, out);
  AddText(std::move(html.text), true, out);
}

}  // namespace

FileTexts ReadSourceFile(const SourceSpec& spec, const SourceFile& file) {
  FileTexts out;
  std::string bytes;
  if (file.bytes > kMaxFileBytes) {
    Drop("larger than 64 MiB", out);
    return out;
  }
  if (spec.kind == "html" && file.bytes > kMaxHtmlBytes) {
    Drop("larger than 8 MiB", out);
    return out;
  }
  try {
    bytes = ReadFile(file.path, static_cast<size_t>(kMaxFileBytes));
  } catch (const Error&) {
    Drop("unreadable", out);
    return out;
  }
  if (spec.kind == "text") {
    AddText(std::move(bytes), IsProse(file.path), out);
  } else if (spec.kind == "jsonl") {
    ReadJsonLines(spec, bytes, out);
  } else if (spec.kind == "html") {
    ReadHtml(std::move(bytes), out);
  } else {
    int64_t num_broken = 0;
    for (std::string& text : ReadWordNet(bytes, num_broken)) AddText(std::move(text), false, out);
    if (num_broken > 0) out.dropped["broken line"] += num_broken;
  }
  return out;
}

}  // namespace agon::datasets
