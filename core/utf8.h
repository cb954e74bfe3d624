// UTF-8 as untrusted bytes: the table of well-formed sequences (Unicode 15, table 3-7).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace agon {

struct Utf8Character {
  uint32_t code = 0;
  size_t length = 0;  // bytes; 0: not valid UTF-8
};

// The character that `text` begins with. REQUIRES: not empty.
Utf8Character NextUtf8(std::string_view text);

// Characters of valid UTF-8; of other bytes those that may begin one.
int64_t CountUtf8(std::string_view text);

// Bytes at the end of `text` that may be the beginning of a character: 0 to 3.
size_t UnfinishedUtf8Bytes(std::string_view text);

// Each byte that is no part of a character becomes U+FFFD.
std::string ReplaceBrokenUtf8(std::string_view bytes);

}  // namespace agon
