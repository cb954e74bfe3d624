#pragma once

#include "core/error.h"

namespace agon {

template <typename T>
T JsonField(const Json& object, const char* key, std::string_view where) {
  if (!object.is_object() || !object.contains(key)) {
    throw Error(ErrorKind::kCorrupt, std::string("missing field \"") + key + "\"", where);
  }
  try {
    return object.at(key).get<T>();
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorKind::kCorrupt,
                std::string("field \"") + key + "\" has the wrong type: " +
                    object.at(key).dump().substr(0, 60),
                where);
  }
}

}  // namespace agon
