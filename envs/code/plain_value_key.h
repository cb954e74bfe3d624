// A plain value as a key: for members of sets and keys of dicts.
#pragma once

#include <optional>
#include <string>

#include "envs/code/plain_value.h"

namespace agon::envs {

// Two values that are equal (EqualPlainValues, no tolerance) have the same key, others not.
// nullopt where Python could not hash the value: a list, a set, a dict, or a tuple of one.
std::optional<std::string> PlainValueKey(const PlainValue& value);

}  // namespace agon::envs
