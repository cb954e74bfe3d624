// How long this process has been there.
#pragma once

#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "core/error.h"
#include "core/file.h"

namespace agon::benchmarks {

// Seconds since the kernel made this process, so that loading the program and its libraries counts;
// in steps of the kernel's ticks (10 ms). Throws kUnsupported where /proc doesn't say.
inline double ProcessAgeSeconds() {
  const std::filesystem::path file = "/proc/self/stat";
  const std::string stat = ReadFile(file);
  // Field 22; the second is a name in parentheses, in which anything may stand.
  size_t at = stat.rfind(')');
  for (int field = 3; field <= 22 && at != std::string::npos; ++field) at = stat.find(' ', at + 1);
  const double ticks = at == std::string::npos ? 0.0 : std::atof(stat.c_str() + at);
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  const double age = static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9 -
                     ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
  if (ticks <= 0 || age < 0) {
    throw Error(ErrorKind::kUnsupported, "doesn't say when this process began", file.string(),
                "leave out --models");
  }
  return age;
}

}  // namespace agon::benchmarks
