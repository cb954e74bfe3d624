// libFuzzer entry: any bytes as tokenizer.json either load or fail with agon::Error, and
// what loads encodes and decodes losslessly.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#include "core/error.h"
#include "core/file.h"
#include "datasets/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace fs = std::filesystem;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const fs::path file =
      fs::temp_directory_path() / ("tokenizer-fuzz-" + std::to_string(getpid()) + ".json");
  agon::WriteFileAtomic(file, bytes);
  try {
    const auto tokenizer = agon::datasets::Tokenizer::Load(file);
    if (tokenizer.Decode(tokenizer.Encode(bytes)) != bytes) std::abort();
  } catch (const agon::Error&) {
  }
  fs::remove(file);
  return 0;
}
