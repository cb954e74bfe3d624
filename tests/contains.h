#pragma once

#include <string_view>

namespace agon {

inline bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace agon
