#include <cstddef>
#include <cstdint>

#include "tests/fuzz/fuzz.h"

// The name and signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  agon::FuzzOne({reinterpret_cast<const char*>(data), size});
  return 0;
}
