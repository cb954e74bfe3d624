// What a test says of an Error.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "core/error.h"
#include "tests/contains.h"

namespace agon {

// The message of the Error that `body` throws, which must be of this kind; "" if it throws
// none.
template <typename Body>
std::string ErrorOf(const Body& body, ErrorKind kind) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  return "";
}

}  // namespace agon
