#include "datasets/corpus_files.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>

#include "core/error.h"
#include "core/json.h"

namespace agon::datasets {
namespace {

constexpr const char* kFormat = "agon-corpus";
constexpr int kVersion = 1;

std::string Hex(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(value));
  return text;
}

uint64_t ParseHex(const std::string& text, const std::string& where) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    throw Error(ErrorKind::kCorrupt, "a checksum isn't a hexadecimal number", where);
  }
  return value;
}

[[noreturn]] void ThrowCorrupt(const std::string& what, const std::string& where) {
  throw Error(ErrorKind::kCorrupt, what, where, "build the corpus again (rl-data build)");
}

}  // namespace

int TokenBytes(int vocab_size) { return vocab_size <= 65536 ? 2 : 4; }

uint64_t Checksum(std::span<const std::byte> bytes) {
  constexpr uint64_t kPrime = 0x100000001b3ull;
  uint64_t hash = 0xcbf29ce484222325ull;
  for (size_t i = 0; i < bytes.size(); i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, std::min<size_t>(8, bytes.size() - i));
    hash = (hash ^ word) * kPrime;
    hash ^= hash >> 32;  // a product carries nothing downwards
  }
  return (hash ^ bytes.size()) * kPrime;
}

std::string ManifestJson(const CorpusManifest& manifest) {
  Json json;
  json["format"] = kFormat;
  json["version"] = kVersion;
  json["num_tokens"] = manifest.num_tokens;
  json["num_documents"] = manifest.num_documents;
  json["num_bytes"] = manifest.num_bytes;
  json["vocab_size"] = manifest.vocab_size;
  json["token_bytes"] = manifest.token_bytes;
  json["tokens_checksum"] = Hex(manifest.tokens_checksum);
  json["documents_checksum"] = Hex(manifest.documents_checksum);
  return json.dump(2) + "\n";
}

CorpusManifest ReadManifest(const std::filesystem::path& dir) {
  const std::string where = (dir / kManifestFile).string();
  const Json json = ReadJson(where);
  if (JsonField<std::string>(json, "format", where) != kFormat) {
    ThrowCorrupt("not the manifest of a corpus", where);
  }
  if (const int version = JsonField<int>(json, "version", where); version != kVersion) {
    throw Error(ErrorKind::kUnsupported, "corpus version " + std::to_string(version), where,
                "this build reads version 1");
  }
  CorpusManifest manifest;
  manifest.num_tokens = JsonField<int64_t>(json, "num_tokens", where);
  manifest.num_documents = JsonField<int64_t>(json, "num_documents", where);
  manifest.num_bytes = JsonField<int64_t>(json, "num_bytes", where);
  manifest.vocab_size = JsonField<int>(json, "vocab_size", where);
  manifest.token_bytes = JsonField<int>(json, "token_bytes", where);
  constexpr int64_t kMost = int64_t{1} << 48;
  if (manifest.num_tokens < 0 || manifest.num_tokens > kMost || manifest.num_bytes < 0 ||
      manifest.num_documents < 0 || manifest.num_documents > manifest.num_tokens) {
    ThrowCorrupt("a count is out of range", where);
  }
  if (manifest.vocab_size < 1 || manifest.token_bytes != TokenBytes(manifest.vocab_size)) {
    ThrowCorrupt("vocab_size and token_bytes don't go together", where);
  }
  manifest.tokens_checksum =
      ParseHex(JsonField<std::string>(json, "tokens_checksum", where), where);
  manifest.documents_checksum =
      ParseHex(JsonField<std::string>(json, "documents_checksum", where), where);
  return manifest;
}

}  // namespace agon::datasets
