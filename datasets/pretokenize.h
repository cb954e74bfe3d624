// Qwen2's split rule: where one pre-token ends and the next begins.
//
// BPE never merges across a pre-token. The rule is this regular expression, leftmost
// alternative first (Qwen/Qwen2 tokenizer.json, pre_tokenizer):
//
//   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}
//   | ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
//
// It is scanned by hand, in one pass and without backtracking: every byte is looked at
// a bounded number of times, whatever the text.
#pragma once

#include <cstddef>
#include <string_view>

namespace agon::datasets {

// The regular expression above on one line, as tokenizer.json spells it.
extern const char* const kSplitPattern;

// One past the last byte of the pre-token that starts at `begin`. A byte that isn't
// part of a valid UTF-8 character counts as a character that is neither letter, number
// nor space. Pure, thread-safe. REQUIRES: begin < text.size(), on a boundary.
size_t PretokenEnd(std::string_view text, size_t begin);

// Length in bytes of the valid UTF-8 character at `pos`, or 0 where there is none
// (overlong forms, surrogates and values above U+10FFFF are invalid).
int Utf8Length(std::string_view text, size_t pos);

}  // namespace agon::datasets
