// What a recipe may choose of an environment's tasks:
// "difficulty=1..2,families=share|change".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "envs/env.h"

namespace agon::envs {

struct TaskChoice {
  int min_difficulty = 0, max_difficulty = 0;  // both included
  std::vector<std::string> families;           // in the order of EnvInfo, never empty

  // `info.id` with the parameters that differ from "all", in canonical form.
  std::string Spec(const EnvInfo& info) const;
};

// Reads `params` ("" means all tasks). Keys: difficulty (N or LOW..HIGH), families
// (NAME|NAME...). Throws Error(kUsage) naming the key, the value and what is allowed.
TaskChoice ParseTaskChoice(std::string_view params, const EnvInfo& info);

}  // namespace agon::envs
