// A hostile file never leads a reader outside its bytes.
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "policy/safetensors.h"
#include "tests/fuzz/fuzz.h"

namespace agon {

void FuzzOne(std::string_view bytes) {
  const int fd = ::memfd_create("fuzz", MFD_CLOEXEC);
  AGON_CHECK(::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  ExpectOnly({ErrorKind::kCorrupt, ErrorKind::kUnsupported}, [&] {
    const policy::SafetensorsFile file("/proc/self/fd/" + std::to_string(fd));
    file.Metadata("format");
    for (const std::string& name : file.Names()) {
      for (const std::vector<int64_t>& shape : {std::vector<int64_t>{2, 2}, {4}, {}}) {
        std::vector<float> values(shape.empty() ? 1 : 4);
        ExpectOnly({ErrorKind::kCorrupt, ErrorKind::kUnsupported},
                   [&] { file.Read(name, shape, values); });
      }
    }
  });
  ::close(fd);
}

}  // namespace agon
