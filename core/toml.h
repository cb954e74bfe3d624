// TOML files whose shape a ConfigTable can't hold (lists of tables), as JSON values.
// Include from .cc files only, like core/json.h.
#pragma once

#include <initializer_list>
#include <span>
#include <string_view>

#include "core/json.h"

namespace agon {

// Tables are objects in the order of the file, dates are text. Throws Error(kCorrupt) naming
// `where`, line and column where the text isn't TOML, and for nesting deeper than 64.
Json ParseToml(std::string_view text, std::string_view where);

// Throws Error(kUsage) naming `where` and the nearest known key if `object` has another key.
void CheckKeys(const Json& object, std::span<const std::string_view> known, std::string_view where);
inline void CheckKeys(const Json& object, std::initializer_list<std::string_view> known,
                      std::string_view where) {
  CheckKeys(object, std::span(known.begin(), known.size()), where);
}

}  // namespace agon
