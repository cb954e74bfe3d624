// How a recipe is refused. Private to trainer.
#pragma once

#include <string>
#include <string_view>

#include "core/error.h"

namespace agon::trainer {

// Throws Error(kUsage): what is wrong with `key`, and what to do about it.
[[noreturn]] inline void Refuse(const std::string& what, std::string_view key,
                                const std::string& hint) {
  throw Error(ErrorKind::kUsage, what, key, hint);
}

}  // namespace agon::trainer
