#include "envs/dial.h"

#include <algorithm>
#include <vector>

#include "core/error.h"

namespace agon::envs {
namespace {

// "math/shop" and "difficulty=1..2" of a spec that MakeEnv takes.
struct SpecParts {
  std::string_view id, params;
};

SpecParts PartsOf(std::string_view spec) {
  const size_t open = spec.find('(');
  if (open == std::string_view::npos) return {spec, ""};
  return {spec.substr(0, open), spec.substr(open + 1, spec.size() - open - 2)};
}

std::vector<std::string_view> Assignments(std::string_view params) {
  std::vector<std::string_view> all;
  while (!params.empty()) {
    const size_t comma = std::min(params.find(','), params.size());
    all.push_back(params.substr(0, comma));
    params.remove_prefix(std::min(comma + 1, params.size()));
  }
  return all;
}

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

bool Sets(std::string_view assignment, std::string_view dial) {
  return Trimmed(assignment.substr(0, assignment.find('='))) == dial;
}

int NumLevels(const EnvInfo& info, std::string_view dial) {
  if (dial == "difficulty") return info.num_difficulties;
  std::string names = "difficulty";
  for (const Attribute& attribute : info.attributes) {
    if (attribute.name == dial) return static_cast<int>(attribute.levels.size());
    names += ", " + attribute.name;
  }
  throw Error(ErrorKind::kUsage, "no dial \"" + std::string(dial) + "\"", info.id,
              "its dials are " + names);
}

}  // namespace

LevelRange DialRange(std::string_view spec, std::string_view dial) {
  const EnvInfo info = MakeEnv(spec)->info();
  const int num_levels = NumLevels(info, dial);
  for (const std::string_view assignment : Assignments(PartsOf(spec).params)) {
    if (!Sets(assignment, dial)) continue;
    const TaskChoice choice = ParseTaskChoice(assignment, info);
    if (dial == "difficulty") return {choice.min_difficulty, choice.max_difficulty};
    for (size_t i = 0; i < info.attributes.size(); ++i) {
      if (info.attributes[i].name == dial) return choice.levels[i];
    }
  }
  return {0, num_levels - 1};
}

std::string WithDial(std::string_view spec, std::string_view dial, const LevelRange& levels) {
  const SpecParts parts = PartsOf(spec);
  std::string params;
  for (const std::string_view assignment : Assignments(parts.params)) {
    if (!Sets(assignment, dial)) params.append(assignment).append(",");
  }
  params.append(dial).append("=").append(std::to_string(levels.low));
  if (levels.high != levels.low) params.append("..").append(std::to_string(levels.high));
  return std::string(parts.id) + "(" + params + ")";
}

}  // namespace agon::envs
