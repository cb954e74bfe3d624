// The arena's tables. Private to arena; described in docs/formats/arena.md.
#pragma once

#include <cstdint>
#include <span>

namespace agon::arena {

inline constexpr int32_t kApplicationId = 0x41524e41;  // "ARNA"
std::span<const char* const> Migrations();

// A table that follows from the log, and the column that names its rows to people.
struct DerivedTable {
  const char* name;
  const char* key;
};
std::span<const DerivedTable> DerivedTables();

}  // namespace agon::arena
