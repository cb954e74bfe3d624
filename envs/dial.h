// A dial of an environment: its difficulty or one of its attributes. Level 0 is the easiest.
#pragma once

#include <string>
#include <string_view>

#include "envs/choice.h"

namespace agon::envs {

// The levels of `dial` that the tasks of `spec` ("math/shop(difficulty=1..2)") come from.
// Throws Error(kUsage) if the environment has no such dial, or as MakeEnv does.
LevelRange DialRange(std::string_view spec, std::string_view dial);

// `spec` with its tasks from `levels` of the dial only.
std::string WithDial(std::string_view spec, std::string_view dial, const LevelRange& levels);

}  // namespace agon::envs
