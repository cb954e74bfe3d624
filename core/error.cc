#include "core/error.h"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>

namespace agon {
namespace {

std::string Compose(std::string_view what, std::string_view where, std::string_view hint) {
  std::string text;
  if (!where.empty()) {
    text.append(where);
    text.append(": ");
  }
  text.append(what);
  if (!hint.empty()) {
    text.append("\n  -> ");
    text.append(hint);
  }
  return text;
}

}  // namespace

Error::Error(ErrorKind kind, std::string_view what, std::string_view where, std::string_view hint)
    : std::runtime_error(Compose(what, where, hint)), kind_(kind) {}

int Error::ExitStatus() const {
  switch (kind_) {
    case ErrorKind::kUsage:
      return 2;
    case ErrorKind::kInterrupted:
      return 130;
    default:
      return 1;
  }
}

int RunMain(int (*body)(int, char**), int argc, char** argv) {
  try {
    return body(argc, argv);
  } catch (const Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return error.ExitStatus();
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "error: out of memory\n  -> lower the batch size or the model preset\n");
    return 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}

namespace internal {

void CheckFailed(const char* file, int line, const char* condition, const std::string& detail) {
  std::fprintf(stderr, "%s:%d: check failed: %s%s%s\n", file, line, condition,
               detail.empty() ? "" : ": ", detail.c_str());
  std::abort();
}

}  // namespace internal
}  // namespace agon
