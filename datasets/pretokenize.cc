#include "datasets/pretokenize.h"

#include <utf8proc.h>

#include <array>
#include <cstdint>

namespace agon::datasets {

const char* const kSplitPattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";

namespace {

enum CharClass : uint8_t { kOther, kLetter, kNumber, kSpace, kNewline, kNonAscii };

struct Char {
  CharClass char_class;
  uint32_t length_bytes;
};

constexpr std::array<CharClass, 256> MakeByteClasses() {
  std::array<CharClass, 256> classes{};
  for (int c = 0; c < 256; ++c) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      classes[c] = kLetter;
    } else if (c >= '0' && c <= '9') {
      classes[c] = kNumber;
    } else if (c == '\r' || c == '\n') {
      classes[c] = kNewline;
    } else if (c == ' ' || c == '\t' || c == '\v' || c == '\f') {
      classes[c] = kSpace;
    } else {
      classes[c] = c < 0x80 ? kOther : kNonAscii;
    }
  }
  return classes;
}

constexpr std::array<CharClass, 256> kByteClasses = MakeByteClasses();

// The White_Space property, which is what \s means; categories alone miss U+0085.
bool IsSpaceCodepoint(int32_t c) {
  return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
         c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

CharClass ClassOfCodepoint(int32_t c) {
  switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return kLetter;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return kNumber;
    default:
      return IsSpaceCodepoint(c) ? kSpace : kOther;
  }
}

Char NonAsciiAt(std::string_view text, size_t pos) {
  const int length = Utf8Length(text, pos);
  if (length == 0) return {kOther, 1};
  int32_t codepoint = static_cast<uint8_t>(text[pos]) & (0x7f >> length);
  for (int i = 1; i < length; ++i) {
    codepoint = codepoint << 6 | (static_cast<uint8_t>(text[pos + i]) & 0x3f);
  }
  return {ClassOfCodepoint(codepoint), static_cast<uint32_t>(length)};
}

inline Char CharAt(std::string_view text, size_t pos) {
  const CharClass byte_class = kByteClasses[static_cast<uint8_t>(text[pos])];
  if (byte_class != kNonAscii) [[likely]]
    return {byte_class, 1};
  return NonAsciiAt(text, pos);
}

inline size_t SkipClass(std::string_view text, size_t pos, CharClass wanted) {
  while (pos < text.size()) {
    const Char c = CharAt(text, pos);
    if (c.char_class != wanted) break;
    pos += c.length_bytes;
  }
  return pos;
}

// [^\s\p{L}\p{N}]+[\r\n]* from its second character on.
size_t SkipSymbols(std::string_view text, size_t pos) {
  return SkipClass(text, SkipClass(text, pos, kOther), kNewline);
}

// Length of 's 't 're 've 'm 'll 'd at an apostrophe in any case, or 0. The long s
// (U+017F) folds to s.
size_t ContractionLength(std::string_view text, size_t pos) {
  const auto lower = [&](size_t i) -> char {
    return i < text.size() ? static_cast<char>(text[i] | 0x20) : '\0';
  };
  const char first = lower(pos + 1);
  const char second = lower(pos + 2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  if ((first == 'r' || first == 'v') && second == 'e') return 3;
  if (first == 'l' && second == 'l') return 3;
  if (text.substr(pos + 1, 2) == "\xc5\xbf") return 3;
  return 0;
}

// \s*[\r\n]+|\s+(?!\S)|\s+ : up to the last line break of the run, else the run
// without the space that belongs to the next word.
size_t WhitespaceEnd(std::string_view text, size_t begin) {
  size_t pos = begin;
  size_t after_newline = begin;
  size_t last_begin = begin;
  while (pos < text.size()) {
    const Char c = CharAt(text, pos);
    if (c.char_class != kSpace && c.char_class != kNewline) break;
    last_begin = pos;
    pos += c.length_bytes;
    if (c.char_class == kNewline) after_newline = pos;
  }
  if (after_newline > begin) return after_newline;
  if (pos == text.size() || last_begin == begin) return pos;
  return last_begin;
}

}  // namespace

int Utf8Length(std::string_view text, size_t pos) {
  const auto byte = [&](size_t i) -> uint32_t {
    return pos + i < text.size() ? static_cast<uint8_t>(text[pos + i]) : 0;
  };
  const auto continues = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const uint32_t lead = byte(0);
  if (pos < text.size() && lead < 0x80) return 1;
  if (lead >= 0xc2 && lead < 0xe0) return continues(1) ? 2 : 0;
  if (lead >= 0xe0 && lead < 0xf0) {
    const uint32_t low = lead == 0xe0 ? 0xa0 : 0x80;
    const uint32_t high = lead == 0xed ? 0x9f : 0xbf;
    return byte(1) >= low && byte(1) <= high && continues(2) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead < 0xf5) {
    const uint32_t low = lead == 0xf0 ? 0x90 : 0x80;
    const uint32_t high = lead == 0xf4 ? 0x8f : 0xbf;
    return byte(1) >= low && byte(1) <= high && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

size_t PretokenEnd(std::string_view text, size_t begin) {
  const Char first = CharAt(text, begin);
  const size_t next = begin + first.length_bytes;
  if (first.char_class == kLetter) return SkipClass(text, next, kLetter);
  if (first.char_class == kNumber) return next;
  if (first.char_class == kNewline) return WhitespaceEnd(text, begin);
  if (text[begin] == '\'') {
    if (const size_t length = ContractionLength(text, begin); length > 0) return begin + length;
  }
  if (next < text.size()) {
    const Char second = CharAt(text, next);
    if (second.char_class == kLetter) return SkipClass(text, next + second.length_bytes, kLetter);
    if (text[begin] == ' ' && second.char_class == kOther) {
      return SkipSymbols(text, next + second.length_bytes);
    }
  }
  return first.char_class == kSpace ? WhitespaceEnd(text, begin) : SkipSymbols(text, next);
}

}  // namespace agon::datasets
