#include "envs/choice.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "core/error.h"

namespace agon::envs {
namespace {

std::vector<std::string_view> SplitAt(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  for (size_t start = 0;;) {
    const size_t end = text.find(separator, start);
    pieces.push_back(text.substr(start, end - start));
    if (end == std::string_view::npos) return pieces;
    start = end + 1;
  }
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::string Join(const std::vector<std::string>& names) {
  std::string joined;
  for (const std::string& name : names) {
    if (!joined.empty()) joined += '|';
    joined += name;
  }
  return joined;
}

std::optional<int> ParseInt(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

[[noreturn]] void ThrowBadValue(std::string_view key, std::string_view value, const EnvInfo& info,
                                std::string_view allowed) {
  throw Error(ErrorKind::kUsage,
              std::string(key) + " = \"" + std::string(value) + "\" is not allowed", info.id,
              "allowed: " + std::string(allowed));
}

void SetDifficulty(std::string_view value, const EnvInfo& info, TaskChoice& choice) {
  const size_t dots = value.find("..");
  const auto low = ParseInt(Trim(value.substr(0, dots)));
  const auto high = dots == std::string_view::npos ? low : ParseInt(Trim(value.substr(dots + 2)));
  if (!low || !high || *low < 0 || *low > *high || *high >= info.num_difficulties) {
    ThrowBadValue("difficulty", value, info,
                  "0.." + std::to_string(info.num_difficulties - 1) + " or one number of them");
  }
  choice.min_difficulty = *low;
  choice.max_difficulty = *high;
}

void SetFamilies(std::string_view value, const EnvInfo& info, TaskChoice& choice) {
  std::vector<bool> wanted(info.families.size());
  for (const std::string_view name : SplitAt(value, '|')) {
    const auto found = std::find(info.families.begin(), info.families.end(), Trim(name));
    if (found == info.families.end()) ThrowBadValue("families", name, info, Join(info.families));
    wanted[static_cast<size_t>(found - info.families.begin())] = true;
  }
  choice.families.clear();
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i]) choice.families.push_back(info.families[i]);
  }
}

}  // namespace

std::string TaskChoice::Spec(const EnvInfo& info) const {
  std::string params;
  if (min_difficulty != 0 || max_difficulty != info.num_difficulties - 1) {
    params = "difficulty=" + std::to_string(min_difficulty);
    if (max_difficulty != min_difficulty) params += ".." + std::to_string(max_difficulty);
  }
  if (families.size() != info.families.size()) {
    if (!params.empty()) params += ',';
    params += "families=";
    params += Join(families);
  }
  return params.empty() ? info.id : info.id + "(" + params + ")";
}

TaskChoice ParseTaskChoice(std::string_view params, const EnvInfo& info) {
  TaskChoice choice{0, info.num_difficulties - 1, info.families};
  if (Trim(params).empty()) return choice;
  for (const std::string_view assignment : SplitAt(params, ',')) {
    const size_t equals = assignment.find('=');
    const std::string_view key = Trim(assignment.substr(0, equals));
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : Trim(assignment.substr(equals + 1));
    if (key == "difficulty") {
      SetDifficulty(value, info, choice);
    } else if (key == "families") {
      SetFamilies(value, info, choice);
    } else {
      throw Error(ErrorKind::kUsage, "no parameter \"" + std::string(key) + "\"", info.id,
                  "the parameters are difficulty and families");
    }
  }
  return choice;
}

}  // namespace agon::envs
