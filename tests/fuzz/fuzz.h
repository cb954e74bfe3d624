// What a fuzz target is: FuzzOne over any bytes. It runs in two ways: explored by libFuzzer
// (preset `asan`), and replayed over tests/fuzz/corpus/<topic>/ by ctest in every other build.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "core/error.h"

namespace agon {

// Defined by each target. Must return for any input; a crash or an escaping exception is a bug.
void FuzzOne(std::string_view bytes);

// Runs `body`; an Error is fine if its kind is one of `kinds`.
template <typename Body>
void ExpectOnly(std::initializer_list<ErrorKind> kinds, const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    if (std::find(kinds.begin(), kinds.end(), error.kind()) == kinds.end()) throw;
  }
}

}  // namespace agon
