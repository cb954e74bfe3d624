#pragma once

#include <algorithm>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/error.h"

namespace agon {
namespace internal {

template <typename T>
inline constexpr bool kIsVector = false;
template <typename T>
inline constexpr bool kIsVector<std::vector<T>> = true;

// nlohmann's get() wraps an integer that doesn't fit and takes true for 1.
template <typename T>
bool JsonHolds(const Json& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value.is_boolean();
  } else if constexpr (std::is_integral_v<T>) {
    if (value.is_number_unsigned()) return std::in_range<T>(value.get<uint64_t>());
    return value.is_number_integer() && std::in_range<T>(value.get<int64_t>());
  } else if constexpr (std::is_floating_point_v<T>) {
    return value.is_number();
  } else if constexpr (kIsVector<T>) {
    return value.is_array() &&
           std::all_of(value.begin(), value.end(), JsonHolds<typename T::value_type>);
  } else {
    return true;
  }
}

}  // namespace internal

template <typename T>
T JsonField(const Json& object, const char* key, std::string_view where) {
  if (!object.is_object() || !object.contains(key)) {
    throw Error(ErrorKind::kCorrupt, std::string("missing field \"") + key + "\"", where);
  }
  const Json& value = object.at(key);
  try {
    if (internal::JsonHolds<T>(value)) return value.get<T>();
  } catch (const nlohmann::json::exception&) {
    // A wrong type, reported below.
  }
  throw Error(ErrorKind::kCorrupt,
              std::string("field \"") + key +
                  "\" has the wrong type or range: " + value.dump().substr(0, 60),
              where);
}

}  // namespace agon
