// Where this build's sources and products lie; the only place that differs between two
// checkouts of the same tests.
#pragma once

#include <string>

namespace agon {

extern const std::string kSourceDir;  // absolute, without a slash at its end
extern const std::string kBinaryDir;

}  // namespace agon
