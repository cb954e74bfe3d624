#pragma once

#include <string>
#include <string_view>

namespace agon {

inline std::string Repeat(std::string_view text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

}  // namespace agon
