// Where an Error came from, said by who knows it.
#pragma once

#include <string_view>

#include "core/error.h"

namespace agon {

// What work() returns. An Error that it throws gets `place` in front; an interruption has none.
template <typename Work>
auto PlaceErrors(std::string_view place, const Work& work) {
  try {
    return work();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kInterrupted) throw;
    throw Error(error.kind(), error.what(), place);
  }
}

}  // namespace agon
