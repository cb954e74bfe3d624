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

// "2" or "0..2", each below `num_levels`.
LevelRange ParseRange(std::string_view key, std::string_view value, int num_levels,
                      const EnvInfo& info) {
  const size_t dots = value.find("..");
  const auto low = ParseInt(Trim(value.substr(0, dots)));
  const auto high = dots == std::string_view::npos ? low : ParseInt(Trim(value.substr(dots + 2)));
  if (!low || !high || *low < 0 || *low > *high || *high >= num_levels) {
    ThrowBadValue(key, value, info,
                  "0.." + std::to_string(num_levels - 1) + " or one number of them");
  }
  return {*low, *high};
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

// "=0..1" of a range that isn't whole, else "".
std::string RangeText(const LevelRange& range, int num_levels) {
  if (range.low == 0 && range.high == num_levels - 1) return "";
  std::string text = "=" + std::to_string(range.low);
  if (range.high != range.low) text += ".." + std::to_string(range.high);
  return text;
}

int NumLevels(const Attribute& attribute) { return static_cast<int>(attribute.levels.size()); }

std::string ParameterNames(const EnvInfo& info, std::span<const std::string_view> own_keys) {
  std::string names = "difficulty, families";
  for (const Attribute& attribute : info.attributes) names += ", " + attribute.name;
  for (const std::string_view key : own_keys) names.append(", ").append(key);
  return names;
}

void Set(std::string_view key, std::string_view value, const EnvInfo& info,
         std::span<const std::string_view> own_keys, TaskChoice& choice) {
  const auto is_named = [&](const Attribute& attribute) { return attribute.name == key; };
  const auto& attributes = info.attributes;
  const auto attribute = std::find_if(attributes.begin(), attributes.end(), is_named);
  if (key == "difficulty") {
    const LevelRange range = ParseRange(key, value, info.num_difficulties, info);
    choice.min_difficulty = range.low;
    choice.max_difficulty = range.high;
  } else if (key == "families") {
    SetFamilies(value, info, choice);
  } else if (attribute != attributes.end()) {
    choice.levels[static_cast<size_t>(attribute - attributes.begin())] =
        ParseRange(key, value, NumLevels(*attribute), info);
  } else if (std::find(own_keys.begin(), own_keys.end(), key) != own_keys.end()) {
    choice.own[std::string(key)] = value;
  } else {
    throw Error(ErrorKind::kUsage, "no parameter \"" + std::string(key) + "\"", info.id,
                "the parameters are " + ParameterNames(info, own_keys));
  }
}

}  // namespace

SpecText SplitSpec(std::string_view spec) {
  const size_t open = spec.find('(');
  if (open == std::string_view::npos) return {spec, ""};
  if (spec.back() != ')') {
    throw Error(ErrorKind::kUsage, "\"" + std::string(spec) + "\" lacks a closing parenthesis", "",
                "write it like math/shop(difficulty=1..2)");
  }
  return {spec.substr(0, open), spec.substr(open + 1, spec.size() - open - 2)};
}

std::vector<Assignment> SplitParams(std::string_view params) {
  std::vector<Assignment> assignments;
  if (Trim(params).empty()) return assignments;
  for (const std::string_view text : SplitAt(params, ',')) {
    const size_t equals = text.find('=');
    const auto value =
        equals == std::string_view::npos ? std::string_view() : Trim(text.substr(equals + 1));
    assignments.push_back({text, Trim(text.substr(0, equals)), value});
  }
  return assignments;
}

std::string TaskChoice::Spec(const EnvInfo& info) const {
  std::string params;
  const auto add = [&](std::string_view key, std::string_view value) {
    if (value.empty()) return;
    params.append(params.empty() ? "" : ",").append(key).append(value);
  };
  add("difficulty", RangeText({min_difficulty, max_difficulty}, info.num_difficulties));
  if (families.size() != info.families.size()) add("families=", Join(families));
  for (size_t i = 0; i < levels.size(); ++i) {
    const Attribute& attribute = info.attributes[i];
    add(attribute.name, RangeText(levels[i], NumLevels(attribute)));
  }
  for (const auto& [key, value] : own) add(key, "=" + value);
  return params.empty() ? info.id : info.id + "(" + params + ")";
}

TaskChoice ParseTaskChoice(std::string_view params, const EnvInfo& info,
                           std::span<const std::string_view> own_keys) {
  TaskChoice choice{0, info.num_difficulties - 1, info.families, {}, {}};
  for (const Attribute& attribute : info.attributes) {
    choice.levels.push_back({0, NumLevels(attribute) - 1});
  }
  for (const auto& [text, key, value] : SplitParams(params)) {
    Set(key, value, info, own_keys, choice);
  }
  return choice;
}

void ThrowBadValue(std::string_view key, std::string_view value, const EnvInfo& info,
                   std::string_view allowed) {
  throw Error(ErrorKind::kUsage,
              std::string(key) + " = \"" + std::string(value) + "\" is not allowed", info.id,
              "allowed: " + std::string(allowed));
}

}  // namespace agon::envs
