// A token corpus on disk (docs/formats/corpus.md). Private to datasets/corpus*.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace agon::datasets {

inline constexpr const char* kTokensFile = "tokens.bin";
inline constexpr const char* kDocumentsFile = "documents.bin";
inline constexpr const char* kManifestFile = "manifest.json";

struct CorpusManifest {
  int64_t num_tokens = 0, num_documents = 0, num_bytes = 0;
  int vocab_size = 0;
  int token_bytes = 2;              // 2 or 4
  uint64_t tokens_checksum = 0;     // of tokens.bin
  uint64_t documents_checksum = 0;  // of documents.bin
};

// The smallest integer of 2 or 4 bytes that holds every id.
int TokenBytes(int vocab_size);

// FNV-1a over little-endian words of 8 bytes, the last one filled up with zeros, and the
// number of bytes: eight times as fast as over bytes.
uint64_t Checksum(std::span<const std::byte> bytes);

std::string ManifestJson(const CorpusManifest& manifest);
// Throws kNotFound, or kCorrupt for a manifest that can't be.
CorpusManifest ReadManifest(const std::filesystem::path& dir);

}  // namespace agon::datasets
