// Plain values inside larger JSON. For the .cc files of this folder.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/json.h"
#include "envs/code/plain_value.h"

namespace agon::envs {

// Objects keep their order in a list, so that reading one is quadratic in its keys. A dict
// with more than this many is written as "$dict".
inline constexpr size_t kMaxObjectKeys = 256;

// ParseJson for untrusted bytes: throws Error(kCorrupt) on a larger object, too.
Json ParseBoxJson(std::string_view bytes, std::string_view where);

// `json` comes from ParseJson, which bounds its depth.
PlainValue PlainValueFromJson(const Json& json, std::string_view where);
Json PlainValueToJson(const PlainValue& value);

}  // namespace agon::envs
