// Errors that cross a boundary of agon.
//
// A failure is an exception of type `Error`: its kind decides the exit status of
// a command, its text says what happened, where, and what to do about it.
// Expected outcomes are values (std::optional, std::variant), never exceptions.
// Programmer errors use AGON_CHECK, which aborts with the place and the condition.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace agon {

enum class ErrorKind {
  kUsage,        // bad flag, recipe key or value: exit status 2
  kNotFound,     // a named file, model, suite or environment does not exist
  kCorrupt,      // bytes that do not have the shape they should
  kIo,           // the operating system refused: disk full, permission
  kUnsupported,  // well-formed, but this build or machine can't do it
  kInterrupted,  // Ctrl-C or SIGTERM; what was written stays valid
  kFailed,       // the work ran and did not succeed
};

class Error : public std::runtime_error {
 public:
  // what:  what happened, with the offending value, no trailing full stop.
  // where: file, key, flag or URL it happened at ("" if none).
  // hint:  what the reader can do ("" if nothing is known).
  Error(ErrorKind kind, std::string_view what, std::string_view where = "",
        std::string_view hint = "");

  ErrorKind kind() const { return kind_; }

  // 2 for kUsage, 130 for kInterrupted, 1 for the rest.
  int ExitStatus() const;

 private:
  ErrorKind kind_;
};

// Runs `body`, prints an escaping exception to stderr as "error: ...", and returns
// the exit status of the process. Every main is one call of this.
int RunMain(int (*body)(int, char**), int argc, char** argv);

namespace internal {
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition,
                              const std::string& detail);
}  // namespace internal

}  // namespace agon

#define AGON_CHECK(condition, ...)                                                             \
  do {                                                                                         \
    if (!(condition)) [[unlikely]]                                                             \
      ::agon::internal::CheckFailed(__FILE__, __LINE__, #condition, std::string(__VA_ARGS__)); \
  } while (false)
