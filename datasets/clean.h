// What text must be to become a document.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace agon::datasets {

// Valid UTF-8: no overlong forms, surrogates or code points above U+10FFFF.
bool IsValidUtf8(std::string_view text);

// Every run of bytes that belongs to no valid sequence becomes one U+FFFD.
std::string ReplaceInvalidUtf8(std::string text);

// Cleans `text` in place: line ends become \n, a byte order mark and control characters
// (all but tab and newline) go, blank ends are trimmed. Returns "" or the reason to drop it:
// "binary" (holds a zero byte), "invalid UTF-8", "empty".
const char* CleanText(std::string& text);

// Filters for prose, on cleaned text: "" or the reason to drop it, the first of
//   "too short"       fewer than 10 words
//   "word length"     mean word length outside 3 to 12 bytes
//   "symbols"         more than 0.1 of # or ... per word
//   "few letters"     less than 0.6 of words with a letter
//   "list"            more than 0.9 of the lines start with a bullet
//   "repeated lines"  more than 0.3 of the lines stand above already
//   "repeated word"   one word is more than 0.3 of them
// After Gopher's rules (Rae et al. 2021, appendix A1.1), bounds widened so that short texts
// and technical prose pass. Words are what stands between blanks.
const char* CheckProse(std::string_view text);

// Of the text with ASCII letters in lower case and every run of blanks as one space.
using TextHash = std::array<uint64_t, 2>;
TextHash HashNormalizedText(std::string_view text);

}  // namespace agon::datasets
