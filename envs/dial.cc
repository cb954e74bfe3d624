#include "envs/dial.h"

#include "core/error.h"

namespace agon::envs {
namespace {

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
  for (const Assignment& assignment : SplitParams(SplitSpec(spec).params)) {
    if (assignment.key != dial) continue;
    const TaskChoice choice = ParseTaskChoice(assignment.text, info);
    if (dial == "difficulty") return {choice.min_difficulty, choice.max_difficulty};
    for (size_t i = 0; i < info.attributes.size(); ++i) {
      if (info.attributes[i].name == dial) return choice.levels[i];
    }
  }
  return {0, num_levels - 1};
}

std::string WithDial(std::string_view spec, std::string_view dial, const LevelRange& levels) {
  const auto [id, all] = SplitSpec(spec);
  std::string params;
  for (const Assignment& assignment : SplitParams(all)) {
    if (assignment.key != dial) params.append(assignment.text).append(",");
  }
  params.append(dial).append("=").append(std::to_string(levels.low));
  if (levels.high != levels.low) params.append("..").append(std::to_string(levels.high));
  return std::string(id) + "(" + params + ")";
}

}  // namespace agon::envs
