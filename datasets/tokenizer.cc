#include "datasets/tokenizer.h"

#include <array>
#include <atomic>
#include <cstring>

#include "core/error.h"
#include "datasets/pretokenize.h"
#include "datasets/tokenizer_impl.h"

namespace agon::datasets {
namespace {

// A pre-token of up to 23 bytes, zero-padded, its length in the last byte.
struct WordKey {
  uint64_t part[3];
  bool operator==(const WordKey&) const = default;
};
constexpr size_t kMaxCachedBytes = 23;
constexpr size_t kMaxCachedIds = 8;
constexpr int kCacheBits = 16;

// Words seen before and their ids. Text repeats itself: most pre-tokens of a document
// are found here and never merged again. One cache per thread, direct-mapped, shared by
// all tokenizers through their serial number, so nothing is locked or cleared. 4 MiB.
struct alignas(64) CachedWord {
  WordKey key;
  int32_t ids[kMaxCachedIds];
  uint32_t serial;  // 0: empty
  uint32_t num_ids;
};

CachedWord* ThreadCache() {
  thread_local std::vector<CachedWord> cache(size_t{1} << kCacheBits);
  return cache.data();
}

// Ids on their way to a vector: appended in bulk, since growing a vector by one or two
// ids at a time costs more than finding them.
class StagedIds {
 public:
  explicit StagedIds(std::vector<int32_t>& out) : out_(out) {}

  void Append(const CachedWord& word) {
    if (size_ + kMaxCachedIds > kCapacity) Flush();
    // All slots, used or not: a copy of fixed size is two instructions.
    std::memcpy(ids_ + size_, word.ids, sizeof(word.ids));
    size_ += word.num_ids;
  }
  void Append(const std::vector<int32_t>& ids) {
    Flush();
    out_.insert(out_.end(), ids.begin(), ids.end());
  }
  void Flush() {
    out_.insert(out_.end(), ids_, ids_ + size_);
    size_ = 0;
  }

 private:
  static constexpr size_t kCapacity = 1024;
  int32_t ids_[kCapacity];
  size_t size_ = 0;
  std::vector<int32_t>& out_;
};

// kLengthMasks[n] keeps the first n bytes of a key. A table, because shifts by a length
// that varies from word to word would be three unpredictable branches.
constexpr std::array<WordKey, kMaxCachedBytes + 1> MakeLengthMasks() {
  std::array<WordKey, kMaxCachedBytes + 1> masks{};
  for (size_t length = 0; length <= kMaxCachedBytes; ++length) {
    for (size_t i = 0; i < length; ++i) masks[length].part[i / 8] |= uint64_t{255} << (i % 8 * 8);
  }
  return masks;
}

constexpr auto kLengthMasks = MakeLengthMasks();

// REQUIRES: length <= kMaxCachedBytes.
inline WordKey KeyOf(std::string_view text, size_t begin, size_t length) {
  WordKey key{};
  if (begin + sizeof(key) <= text.size()) [[likely]] {
    std::memcpy(&key, text.data() + begin, sizeof(key));
    for (int i = 0; i < 3; ++i) key.part[i] &= kLengthMasks[length].part[i];
  } else {
    std::memcpy(&key, text.data() + begin, length);
  }
  key.part[2] |= uint64_t{length} << 56;
  return key;
}

inline size_t SlotOf(const WordKey& key) {
  uint64_t hash = key.part[0] * 0x9e3779b97f4a7c15ull;
  hash ^= (key.part[1] ^ hash >> 29) * 0xbf58476d1ce4e5b9ull;
  hash ^= (key.part[2] ^ hash >> 32) * 0x94d049bb133111ebull;
  return hash >> (64 - kCacheBits);
}

bool IsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const int length = Utf8Length(text, i);
    if (length == 0) return false;
    i += length;
  }
  return true;
}

uint32_t NextSerial() {
  static std::atomic<uint32_t> last{0};
  return ++last;
}

}  // namespace

Tokenizer::Impl::Impl(TokenizerParts p, std::string_view where)
    : parts(std::move(p)),
      merge_table(parts.merges, parts.merged_ids),
      is_added(parts.bytes.size(), false),
      serial(NextSerial()) {
  byte_ids.fill(-1);
  for (const AddedToken& token : parts.added) {
    is_added[token.id] = true;
    if (!IsUtf8(token.content) || token.content.empty()) {
      throw Error(ErrorKind::kCorrupt,
                  "added token " + std::to_string(token.id) + " is empty or not UTF-8", where);
    }
    if (!added_ids.emplace(token.content, token.id).second) {
      throw Error(ErrorKind::kCorrupt, "two added tokens \"" + token.content + "\"", where);
    }
  }
  for (size_t id = 0; id < parts.bytes.size(); ++id) {
    const std::string& bytes = parts.bytes[id];
    if (is_added[id]) continue;
    if (bytes.empty() || added_ids.contains(bytes) ||
        !ids.emplace(bytes, static_cast<int32_t>(id)).second) {
      throw Error(ErrorKind::kCorrupt,
                  "token " + std::to_string(id) + (bytes.empty() ? " is empty" : " is a duplicate"),
                  where);
    }
    if (bytes.size() == 1) byte_ids[static_cast<uint8_t>(bytes[0])] = static_cast<int32_t>(id);
  }
  for (int byte = 0; byte < 256; ++byte) {
    if (byte_ids[byte] >= 0) continue;
    throw Error(ErrorKind::kCorrupt, "no token for byte " + std::to_string(byte), where,
                "byte-level BPE needs all 256 bytes in its vocabulary");
  }
}

void Tokenizer::Impl::EncodeWord(std::string_view word, std::vector<int32_t>& word_ids) const {
  word_ids.clear();
  if (parts.ignore_merges) {
    if (const auto found = ids.find(word); found != ids.end()) {
      word_ids.push_back(found->second);
      return;
    }
  }
  for (char c : word) word_ids.push_back(byte_ids[static_cast<uint8_t>(c)]);
  merge_table.MergeWord(word_ids);
}

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::FromMerges(std::vector<std::pair<int32_t, int32_t>> merges,
                                std::vector<std::string> special_tokens) {
  TokenizerParts parts;
  for (int byte = 0; byte < 256; ++byte) parts.bytes.emplace_back(1, static_cast<char>(byte));
  for (const auto& [left, right] : merges) {
    const int32_t id = static_cast<int32_t>(parts.bytes.size());
    if (left < 0 || right < 0 || left >= id || right >= id) {
      throw Error(ErrorKind::kCorrupt,
                  "merge " + std::to_string(id - 256) + " joins an id that doesn't exist yet",
                  "merges");
    }
    parts.merged_ids.push_back(id);
    parts.bytes.push_back(parts.bytes[left] + parts.bytes[right]);
  }
  parts.merges = std::move(merges);
  for (std::string& content : special_tokens) {
    // As in Qwen: control tokens are left out of decoded text by other libraries, the
    // tags of thoughts and tools are not.
    const bool special = content.starts_with("<|");
    parts.added.push_back({static_cast<int32_t>(parts.bytes.size()), content, special});
    parts.bytes.push_back(std::move(content));
  }
  return Tokenizer(std::make_unique<Impl>(std::move(parts), "merges"));
}

void Tokenizer::EncodeAppend(std::string_view text, std::vector<int32_t>& out) const {
  // Words are split and their cache lines requested a few at a time, so that the waits
  // for memory overlap.
  struct Word {
    std::string_view text;
    WordKey key;
    CachedWord* cached;  // null: too long for the cache
  };
  constexpr size_t kBatch = 16;
  Word words[kBatch];
  CachedWord* const cache = ThreadCache();
  StagedIds staged(out);
  std::vector<int32_t> merged;
  for (size_t begin = 0; begin < text.size();) {
    size_t num_words = 0;
    for (; num_words < kBatch && begin < text.size(); ++num_words) {
      const size_t length = PretokenEnd(text, begin) - begin;
      Word& word = words[num_words];
      word.text = text.substr(begin, length);
      word.cached = nullptr;
      if (length <= kMaxCachedBytes) {
        word.key = KeyOf(text, begin, length);
        word.cached = cache + SlotOf(word.key);
        __builtin_prefetch(word.cached);
      }
      begin += length;
    }
    for (const Word& word : std::span(words, num_words)) {
      if (word.cached != nullptr && word.cached->key == word.key &&
          word.cached->serial == impl_->serial) [[likely]] {
        staged.Append(*word.cached);
        continue;
      }
      impl_->EncodeWord(word.text, merged);
      staged.Append(merged);
      if (word.cached == nullptr || merged.size() > kMaxCachedIds) continue;
      word.cached->key = word.key;
      word.cached->serial = impl_->serial;
      word.cached->num_ids = static_cast<uint32_t>(merged.size());
      std::copy(merged.begin(), merged.end(), word.cached->ids);
    }
  }
  staged.Flush();
}

std::vector<int32_t> Tokenizer::Encode(std::string_view text) const {
  std::vector<int32_t> ids;
  ids.reserve(text.size() / 3 + 8);
  EncodeAppend(text, ids);
  return ids;
}

std::string Tokenizer::Decode(std::span<const int32_t> ids) const {
  std::string text;
  for (int32_t id : ids) text += Bytes(id);
  return text;
}

std::string_view Tokenizer::Bytes(int32_t id) const {
  AGON_CHECK(id >= 0, "token id " + std::to_string(id));
  return id < vocab_size() ? impl_->parts.bytes[id] : std::string_view();
}

std::optional<int32_t> Tokenizer::SpecialId(std::string_view token) const {
  const auto found = impl_->added_ids.find(token);
  if (found == impl_->added_ids.end()) return std::nullopt;
  return found->second;
}

bool Tokenizer::IsSpecial(int32_t id) const {
  return id >= 0 && id < vocab_size() && impl_->is_added[id];
}

int Tokenizer::vocab_size() const { return static_cast<int>(impl_->parts.bytes.size()); }

const std::vector<std::string>& ChatSpecialTokens() {
  static const std::vector<std::string> tokens = {
      "<|endoftext|>", "<|im_start|>", "<|im_end|>",      "<think>",         "</think>",
      "<tool_call>",   "</tool_call>", "<tool_response>", "</tool_response>"};
  return tokens;
}

}  // namespace agon::datasets
