// Replays the files of the folder argv[1], each whole and cut short at many places.
#include <algorithm>
#include <cstdio>
#include <vector>

#include "core/file.h"
#include "tests/fuzz/fuzz.h"

namespace {

int Replay(int argc, char** argv) {
  AGON_CHECK(argc == 2, "usage: <target> CORPUS_FOLDER");
  size_t num_inputs = 0;
  for (const auto& entry : agon::fs::directory_iterator(argv[1])) {
    const std::string bytes = agon::ReadFile(entry.path());
    const size_t stride = std::max<size_t>(1, bytes.size() / 256);
    for (size_t size = 0; size <= bytes.size(); size += stride) {
      agon::FuzzOne(std::string_view(bytes).substr(0, size));
      ++num_inputs;
    }
    agon::FuzzOne(bytes);
  }
  std::printf("%zu inputs\n", num_inputs);
  return num_inputs > 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) { return agon::RunMain(Replay, argc, argv); }
