// Why the supervisor can't start: told to the host process, which turns it into an Error.
#pragma once

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace agon::envs::box {

struct Failure : std::runtime_error {
  // `missing`: the machine lacks something (else: the operating system refused).
  Failure(const std::string& what, std::string hint, bool missing = true)
      : std::runtime_error(what), hint(std::move(hint)), unsupported(missing) {}
  std::string hint;
  bool unsupported;
};

inline Failure SystemFailure(const std::string& step, const std::string& hint = "") {
  const int error = errno;
  const bool passing = error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE;
  return Failure(step + ": " + std::strerror(error), hint, !passing);
}

}  // namespace agon::envs::box
