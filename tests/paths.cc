#include "tests/paths.h"

namespace agon {

const std::string kSourceDir = AGON_SOURCE_DIR;
const std::string kBinaryDir = AGON_BINARY_DIR;

}  // namespace agon
