#include "envs/problem_state.h"

#include <charconv>
#include <optional>
#include <utility>

#include "core/json.h"

namespace agon::envs {
namespace {

bool Skip(std::string_view& text, std::string_view token) {
  if (!text.starts_with(token)) return false;
  text.remove_prefix(token.size());
  return true;
}

// A string of plain ASCII without escapes.
bool SkipPlainString(std::string_view& text) {
  if (!Skip(text, "\"")) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const unsigned char byte = static_cast<unsigned char>(text[i]);
    if (byte == '"') {
      text.remove_prefix(i + 1);
      return true;
    }
    if (byte == '\\' || byte < 0x20 || byte >= 0x80) return false;
  }
  return false;
}

// An integer as JSON writes it: no sign but "-", no leading zero, nothing of a fraction.
std::optional<int64_t> ReadInteger(std::string_view& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const size_t length = static_cast<size_t>(end - text.data());
  if (error != std::errc() || length == 0) return std::nullopt;
  const std::string_view digits = text.substr(text[0] == '-', length - (text[0] == '-'));
  if (digits[0] == '0' && (digits.size() > 1 || text[0] == '-')) return std::nullopt;
  text.remove_prefix(length);
  return value;
}

// nullopt where the state has another shape than {"steps":[...],"given":[...]} as we write it.
std::optional<std::vector<int64_t>> PlainGiven(std::string_view state) {
  if (!Skip(state, "{\"steps\":[")) return std::nullopt;
  if (!Skip(state, "]")) {
    do {
      if (!SkipPlainString(state)) return std::nullopt;
    } while (Skip(state, ","));
    if (!Skip(state, "]")) return std::nullopt;
  }
  if (!Skip(state, ",\"given\":[")) return std::nullopt;
  std::vector<int64_t> given;
  if (!Skip(state, "]")) {
    do {
      const auto value = ReadInteger(state);
      if (!value) return std::nullopt;
      given.push_back(*value);
    } while (Skip(state, ","));
    if (!Skip(state, "]")) return std::nullopt;
  }
  if (state != "}") return std::nullopt;
  return given;
}

}  // namespace

void CheckIsOf(std::string_view id, const Task& task) {
  if (task.id.env.starts_with(id)) return;
  throw Error(ErrorKind::kCorrupt, "the task isn't one of " + std::string(id), NameInErrors(task));
}

std::string NameInErrors(const Task& task) {
  return "task " + std::to_string(task.id.index) + " of " + task.id.env;
}

std::vector<int64_t> GivenOf(const Task& task) {
  if (auto given = PlainGiven(task.state)) return std::move(*given);
  const std::string where = NameInErrors(task);
  return JsonField<std::vector<int64_t>>(ParseJson(task.state, where), "given", where);
}

}  // namespace agon::envs
