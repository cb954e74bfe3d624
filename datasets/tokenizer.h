// Byte-level BPE with Qwen2's split rule, as a Hugging Face tokenizer.json.
//
// Any bytes round-trip: Decode(Encode(x)) == x. Encoding is linear in the input, also
// on a megabyte of one letter. A Tokenizer is immutable and may be used by many
// threads at once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agon::datasets {

namespace fs = std::filesystem;

class Tokenizer {
 public:
  // Reads tokenizer.json (byte-level BPE: merges as pairs or as "a b" strings,
  // ignore_merges, added tokens). Ids must be dense and cover all 256 bytes; merges need
  // not be in id order. Throws kNotFound, kCorrupt or kUnsupported (another split rule, a
  // normalizer), naming the field.
  static Tokenizer Load(const fs::path& file);
  void Save(const fs::path& file) const;

  // `merges[i]` joins two earlier ids into id 256 + i; ids 0..255 are the bytes in
  // order; specials follow the merges. Throws kCorrupt if a merge joins an id that
  // doesn't exist yet or spells a token that does.
  static Tokenizer FromMerges(std::vector<std::pair<int32_t, int32_t>> merges,
                              std::vector<std::string> special_tokens);

  // Text only: special tokens spelled out in `text` are encoded as plain text, so that
  // untrusted text can't forge a turn.
  std::vector<int32_t> Encode(std::string_view text) const;
  void EncodeAppend(std::string_view text, std::vector<int32_t>& out) const;

  std::string Decode(std::span<const int32_t> ids) const;  // specials spelled out
  // Bytes of one id: none for the spare rows of a model with a padded vocabulary, which may be
  // drawn, too. REQUIRES: id >= 0.
  std::string_view Bytes(int32_t id) const;

  std::optional<int32_t> SpecialId(std::string_view token) const;
  bool IsSpecial(int32_t id) const;
  int vocab_size() const;

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The special tokens of every tokenizer trained here, in id order:
// <|endoftext|> <|im_start|> <|im_end|> <think> </think> <tool_call> </tool_call>
// <tool_response> </tool_response>.
const std::vector<std::string>& ChatSpecialTokens();

struct BpeTrainingOptions {
  int vocab_size = 2048;  // bytes + merges + special tokens; fewer if no pair occurs twice
  int num_threads = 0;    // 0: all; the result doesn't depend on it
  // Called with merges done and wanted. May be empty.
  std::function<void(int done, int total)> on_progress;
};

// Learns merges from documents. Pair counts are exact 64-bit; a tie goes to the pair
// with the smaller (left, right) ids. A pair that spells an existing token is passed over.
// Throws kUsage if vocab_size can't hold the bytes and the special tokens.
Tokenizer TrainBpe(std::span<const std::string_view> documents, const BpeTrainingOptions& options);

}  // namespace agon::datasets
