// A log cut by a kill, or any other bytes, is read without an error.
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <string>

#include "judge/run_log.h"
#include "tests/fuzz/fuzz.h"

namespace agon {

void FuzzOne(std::string_view bytes) {
  const int fd = ::memfd_create("fuzz", MFD_CLOEXEC);
  AGON_CHECK(::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  for (const judge::StageLog& stage : judge::ReadRunLog("/proc/self/fd/" + std::to_string(fd))) {
    for (const auto& [field, points] : stage.series) {
      for (size_t i = 0; i < points.size(); ++i) {
        AGON_CHECK(std::isfinite(points[i].second));
        AGON_CHECK(i == 0 || points[i - 1].first < points[i].first);
      }
    }
  }
  ::close(fd);
}

}  // namespace agon
