// What a recipe may choose of an environment's tasks:
// "difficulty=1..2,families=share|change,size=0,opponent=minimax:2".
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "envs/env.h"

namespace agon::envs {

// "math/shop" and "difficulty=1..2" of "math/shop(difficulty=1..2)".
struct SpecText {
  std::string_view id, params;
};
// Throws Error(kUsage) if the parenthesis isn't closed.
SpecText SplitSpec(std::string_view spec);

// "key=value" of parameters; no value without an equals sign.
struct Assignment {
  std::string_view text, key, value;
};
std::vector<Assignment> SplitParams(std::string_view params);

// Levels of an attribute, both included.
struct LevelRange {
  int low = 0, high = 0;
};

struct TaskChoice {
  int min_difficulty = 0, max_difficulty = 0;  // both included
  std::vector<std::string> families;           // in the order of EnvInfo, never empty
  std::vector<LevelRange> levels;              // of each attribute, in the order of EnvInfo
  std::map<std::string, std::string> own;      // the environment's own parameters that are set

  // `info.id` with the parameters that differ from "all", in canonical form.
  std::string Spec(const EnvInfo& info) const;
};

// Reads `params` ("" means all tasks). Keys: difficulty (N or LOW..HIGH), families
// (NAME|NAME...), each attribute (as difficulty, in numbers of levels) and `own_keys`,
// whose values are any text without a comma. Throws Error(kUsage) naming the key, the
// value and what is allowed.
TaskChoice ParseTaskChoice(std::string_view params, const EnvInfo& info,
                           std::span<const std::string_view> own_keys = {});

// For the environment's own parameters: `key`=`value` is refused. Throws Error(kUsage).
[[noreturn]] void ThrowBadValue(std::string_view key, std::string_view value, const EnvInfo& info,
                                std::string_view allowed);

}  // namespace agon::envs
