// Lines of a benchmark's file: any bytes are tasks of the promised shape or an error.
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "core/error.h"
#include "judge/eval/items.h"
#include "tests/fuzz/fuzz.h"

namespace agon {
namespace {

void Read(const std::string& file, judge::BenchmarkKind kind) {
  try {
    for (const judge::Item& item : judge::ReadItems(file, kind)) {
      if (kind == judge::BenchmarkKind::kChoice) {
        AGON_CHECK(item.choices.size() >= 2 && item.gold < item.choices.size());
        AGON_CHECK(item.answer == item.choices[item.gold]);
      }
      if (kind == judge::BenchmarkKind::kText) AGON_CHECK(item.fields.contains("text"));
      for (const auto& [name, value] : item.fields) {
        // A template of the task's own making.
        try {
          judge::RenderTemplate(value, item, "");
        } catch (const Error&) {
        }
      }
    }
  } catch (const Error&) {
  }
}

}  // namespace

void FuzzOne(std::string_view bytes) {
  const int fd = ::memfd_create("fuzz", MFD_CLOEXEC);
  AGON_CHECK(::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  const std::string file = "/proc/self/fd/" + std::to_string(fd);
  Read(file, judge::BenchmarkKind::kChoice);
  Read(file, judge::BenchmarkKind::kGeneration);
  Read(file, judge::BenchmarkKind::kText);
  ::close(fd);
}

}  // namespace agon
