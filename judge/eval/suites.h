// Suites that are part of the program. Private to judge.
#pragma once

#include <string_view>

namespace agon::judge {

// judge/suites/jagged.toml.
std::string_view JaggedToml();

}  // namespace agon::judge
