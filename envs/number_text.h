// Numbers as people and golden records read them.
#pragma once

#include <cstdio>
#include <string>

namespace agon::envs {

// `value` in at most six significant figures: 1, 0.5, 1e-07.
inline std::string NumberText(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

}  // namespace agon::envs
