// What a Tokenizer holds. Private to tokenizer.cc and tokenizer_json.cc.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "datasets/bpe.h"
#include "datasets/tokenizer.h"

namespace agon::datasets {

struct AddedToken {
  int32_t id = 0;
  std::string content;
  bool special = true;  // Hugging Face's flag: decoding may leave the token out
};

// The parts of a tokenizer, not yet checked.
struct TokenizerParts {
  std::vector<std::string> bytes;                   // (V) what each id stands for
  std::vector<std::pair<int32_t, int32_t>> merges;  // in rank order
  std::vector<int32_t> merged_ids;                  // (merges) what each pair becomes
  std::vector<AddedToken> added;                    // in id order
  bool ignore_merges = false;  // a pre-token that is itself a token is not merged
};

struct Tokenizer::Impl {
  // Throws kCorrupt naming `where` if two ids spell the same bytes or a byte has no id.
  Impl(TokenizerParts parts, std::string_view where);

  // Replaces `word_ids` by the ids of one pre-token.
  void EncodeWord(std::string_view word, std::vector<int32_t>& word_ids) const;

  const TokenizerParts parts;
  const MergeTable merge_table;
  std::array<int32_t, 256> byte_ids;
  std::vector<bool> is_added;                               // (V)
  std::unordered_map<std::string_view, int32_t> added_ids;  // views into parts.added
  std::unordered_map<std::string_view, int32_t> ids;        // mergeable tokens, by bytes
  const uint32_t serial;  // distinguishes tokenizers in the per-thread word cache
};

}  // namespace agon::datasets
