#include "datasets/clean.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace agon::datasets {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\n' || c == '\t'; }

bool IsWordByte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

// Bytes of the code point that starts at `text[i]`, 0 if it isn't one.
size_t CodePointBytes(std::string_view text, size_t i) {
  const auto at = [&](size_t k) -> uint32_t {
    return i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0;
  };
  const auto continues = [&](size_t k) { return (at(k) & 0xC0) == 0x80; };
  const uint32_t lead = at(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (!continues(1) || !continues(2)) return 0;
    if (lead == 0xE0 && at(1) < 0xA0) return 0;    // overlong
    return lead == 0xED && at(1) >= 0xA0 ? 0 : 3;  // a surrogate
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if (lead == 0xF0 && at(1) < 0x90) return 0;
    return lead == 0xF4 && at(1) >= 0x90 ? 0 : 4;
  }
  return 0;
}

std::vector<std::string_view> SplitWords(std::string_view text) {
  std::vector<std::string_view> words;
  for (size_t i = 0; i < text.size();) {
    while (i < text.size() && IsBlank(text[i])) ++i;
    const size_t begin = i;
    while (i < text.size() && !IsBlank(text[i])) ++i;
    if (i > begin) words.push_back(text.substr(begin, i - begin));
  }
  return words;
}

// Lines that aren't blank, without their indentation.
std::vector<std::string_view> SplitLines(std::string_view text) {
  std::vector<std::string_view> lines;
  for (size_t i = 0; i < text.size();) {
    const size_t end = std::min(text.find('\n', i), text.size());
    while (i < end && IsBlank(text[i])) ++i;
    if (i < end) lines.push_back(text.substr(i, end - i));
    i = end + 1;
  }
  return lines;
}

const char* CheckWords(const std::vector<std::string_view>& words) {
  constexpr size_t kMinWords = 10, kEnoughForShares = 50;
  if (words.size() < kMinWords) return "too short";
  size_t bytes = 0, symbols = 0, with_letter = 0, most = 0;
  std::unordered_map<std::string_view, size_t> counts;
  for (const std::string_view word : words) {
    bytes += word.size();
    symbols += static_cast<size_t>(std::count(word.begin(), word.end(), '#'));
    if (word.find("...") != word.npos || word.find("\u2026") != word.npos) ++symbols;
    if (std::any_of(word.begin(), word.end(), IsWordByte)) ++with_letter;
    most = std::max(most, ++counts[word]);
  }
  const auto num_words = static_cast<double>(words.size());
  const double length = static_cast<double>(bytes) / num_words;
  if (length < 3 || length > 12) return "word length";
  if (static_cast<double>(symbols) > 0.1 * num_words) return "symbols";
  if (static_cast<double>(with_letter) < 0.6 * num_words) return "few letters";
  if (words.size() >= kEnoughForShares && static_cast<double>(most) > 0.3 * num_words) {
    return "repeated word";
  }
  return "";
}

const char* CheckLines(const std::vector<std::string_view>& lines) {
  size_t bullets = 0, repeated = 0;
  std::unordered_set<std::string_view> seen;
  for (const std::string_view line : lines) {
    if (line.starts_with("- ") || line.starts_with("* ") || line.starts_with("\u2022")) ++bullets;
    if (!seen.insert(line).second) ++repeated;
  }
  const auto num_lines = static_cast<double>(lines.size());
  if (lines.size() > 1 && static_cast<double>(bullets) > 0.9 * num_lines) return "list";
  if (static_cast<double>(repeated) > 0.3 * num_lines) return "repeated lines";
  return "";
}

// MurmurHash3's x64 128-bit variant (Austin Appleby, public domain), a byte at a time.
class Hasher128 {
 public:
  void Add(char c) {
    block_[fill_++] = c;
    ++size_;
    if (fill_ < block_.size()) return;
    MixBlock();
    block_.fill(0);
    fill_ = 0;
  }

  TextHash Finish() {
    if (fill_ > 0) MixBlock();
    h1_ ^= size_;
    h2_ ^= size_;
    h1_ += h2_;
    h2_ += h1_;
    h1_ = Finalize(h1_);
    h2_ = Finalize(h2_);
    h1_ += h2_;
    h2_ += h1_;
    return {h1_, h2_};
  }

 private:
  static constexpr uint64_t kC1 = 0x87c37b91114253d5ull, kC2 = 0x4cf5ad432745937full;

  void MixBlock() {
    uint64_t k1, k2;
    std::memcpy(&k1, block_.data(), 8);
    std::memcpy(&k2, block_.data() + 8, 8);
    h1_ ^= std::rotl(k1 * kC1, 31) * kC2;
    h1_ = (std::rotl(h1_, 27) + h2_) * 5 + 0x52dce729;
    h2_ ^= std::rotl(k2 * kC2, 33) * kC1;
    h2_ = (std::rotl(h2_, 31) + h1_) * 5 + 0x38495ab5;
  }

  static uint64_t Finalize(uint64_t k) {
    k = (k ^ (k >> 33)) * 0xff51afd7ed558ccdull;
    k = (k ^ (k >> 33)) * 0xc4ceb9fe1a85ec53ull;
    return k ^ (k >> 33);
  }

  std::array<char, 16> block_{};
  size_t fill_ = 0;
  uint64_t size_ = 0, h1_ = 0, h2_ = 0;
};

}  // namespace

bool IsValidUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t bytes = CodePointBytes(text, i);
    if (bytes == 0) return false;
    i += bytes;
  }
  return true;
}

std::string ReplaceInvalidUtf8(std::string text) {
  if (IsValidUtf8(text)) return text;
  std::string valid;
  bool in_run = false;
  for (size_t i = 0; i < text.size();) {
    const size_t bytes = CodePointBytes(text, i);
    if (bytes > 0) {
      valid.append(text, i, bytes);
    } else if (!in_run) {
      valid += "\xEF\xBF\xBD";
    }
    in_run = bytes == 0;
    i += bytes > 0 ? bytes : 1;
  }
  return valid;
}

const char* CleanText(std::string& text) {
  if (text.find('\0') != text.npos) return "binary";
  if (!IsValidUtf8(text)) return "invalid UTF-8";
  size_t kept = 0;
  for (size_t i = text.starts_with("\xEF\xBB\xBF") ? 3 : 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '\r') {
      if (i + 1 < text.size() && text[i + 1] == '\n') continue;
      c = '\n';
    }
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7F) continue;
    if (byte == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0) {  // U+0080..U+009F
      ++i;
      continue;
    }
    text[kept++] = c;
  }
  while (kept > 0 && IsBlank(text[kept - 1])) --kept;
  text.resize(kept);
  // The first line keeps its indentation.
  size_t begin = 0;
  for (size_t i = 0; i < kept && IsBlank(text[i]); ++i) {
    if (text[i] == '\n') begin = i + 1;
  }
  text.erase(0, begin);
  return text.empty() ? "empty" : "";
}

const char* CheckProse(std::string_view text) {
  const char* reason = CheckWords(SplitWords(text));
  return *reason != '\0' ? reason : CheckLines(SplitLines(text));
}

TextHash HashNormalizedText(std::string_view text) {
  Hasher128 hasher;
  bool is_pending = false, is_first = true;
  for (const char c : text) {
    if (IsBlank(c)) {
      is_pending = !is_first;
      continue;
    }
    if (is_pending) hasher.Add(' ');
    is_pending = is_first = false;
    hasher.Add(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }
  return hasher.Finish();
}

}  // namespace agon::datasets
