#include "arena/page/leak.h"

#include <algorithm>
#include <array>

namespace agon::arena {
namespace {

// Shorter ones are words of any text.
constexpr size_t kMinNameBytes = 4;

constexpr std::array<std::string_view, 30> kPublicNames = {
    "alpaca",        "anthropic", "bard",       "bing chat", "chatglm",  "chatgpt",
    "claude",        "cohere",    "databricks", "deepmind",  "deepseek", "dolly",
    "gemini",        "gpt-3",     "gpt-3.5",    "gpt-4",     "gpt-4o",   "koala",
    "lamda",         "llama",     "mistral ai", "mpt-7b",    "oasst",    "openai",
    "openassistant", "palm 2",    "qwen",       "stablelm",  "vicuna",   "wizardlm"};

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return lower;
}

// Bytes above 0x7f are letters of other scripts: what joins Korean particles to a name isn't a
// part of it, so they end a word.
bool IsWordByte(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; }

bool Says(std::string_view lower, std::string_view word) {
  for (size_t at = lower.find(word); at != lower.npos; at = lower.find(word, at + 1)) {
    const size_t end = at + word.size();
    const bool begins = at == 0 || !IsWordByte(lower[at - 1]);
    if (begins && (end == lower.size() || !IsWordByte(lower[end]))) return true;
  }
  return false;
}

}  // namespace

std::vector<std::string> NamesOfModel(const std::string& model, const std::string& location) {
  std::vector<std::string> names;
  const auto add = [&](std::string_view name) {
    if (name.size() >= kMinNameBytes) names.push_back(Lower(name));
  };
  add(model);
  add(std::string_view(model).substr(model.find_last_of("/#:") + 1));
  if (const size_t hash = location.rfind('#'); hash != std::string::npos) {
    add(std::string_view(location).substr(hash + 1));
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::string FindLeak(std::string_view reply, const std::vector<std::string>& asked,
                     const std::vector<std::string>& words) {
  const std::string lower = Lower(reply);
  std::string questions;
  for (const std::string& turn : asked) questions += Lower(turn) + "\n";
  const auto leaks = [&](std::string_view word) {
    return Says(lower, word) && !Says(questions, word);
  };
  for (const std::string& word : words) {
    if (leaks(word)) return word;
  }
  for (const std::string_view word : kPublicNames) {
    if (leaks(word)) return std::string(word);
  }
  return "";
}

}  // namespace agon::arena
