#include <cstring>

#include "core/error.h"
#include "core/file.h"
#include "datasets/corpus_files.h"
#include "datasets/datasets.h"

namespace agon::datasets {
namespace {

int32_t DocumentEnd(const Tokenizer& tokenizer) {
  const auto id = tokenizer.SpecialId("<|endoftext|>");
  if (!id) {
    throw Error(ErrorKind::kUnsupported, "the tokenizer has no <|endoftext|>", "",
                "use a tokenizer trained here");
  }
  return *id;
}

// Bytes of a whole file that the folder's rename makes visible together with the others.
void WriteBytes(const fs::path& path, std::span<const std::byte> bytes) {
  WriteFileAtomic(path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

template <typename Token>
std::vector<std::byte> Pack(const std::vector<std::vector<int32_t>>& documents,
                            int64_t num_tokens) {
  std::vector<std::byte> bytes(static_cast<size_t>(num_tokens) * sizeof(Token));
  std::byte* next = bytes.data();
  for (const std::vector<int32_t>& ids : documents) {
    for (const int32_t id : ids) {
      const auto token = static_cast<Token>(id);
      std::memcpy(next, &token, sizeof(Token));
      next += sizeof(Token);
    }
  }
  return bytes;
}

std::vector<std::vector<int32_t>> EncodeAll(std::span<const Document> documents,
                                            const Tokenizer& tokenizer) {
  const int32_t end = DocumentEnd(tokenizer);
  std::vector<std::vector<int32_t>> encoded(documents.size());
#pragma omp parallel for schedule(dynamic, 16)
  for (size_t i = 0; i < documents.size(); ++i) {
    encoded[i] = tokenizer.Encode(documents[i].text);
    encoded[i].push_back(end);
  }
  return encoded;
}

}  // namespace

void WriteCorpus(const std::filesystem::path& dir, std::span<const Document> documents,
                 const Tokenizer& tokenizer, IngestReport& report) {
  const std::vector<std::vector<int32_t>> encoded = EncodeAll(documents, tokenizer);
  CorpusManifest manifest;
  std::vector<uint64_t> offsets;
  offsets.reserve(documents.size());
  for (size_t i = 0; i < documents.size(); ++i) {
    const auto num_tokens = static_cast<int64_t>(encoded[i].size());
    offsets.push_back(static_cast<uint64_t>(manifest.num_tokens));
    manifest.num_tokens += num_tokens;
    manifest.num_bytes += static_cast<int64_t>(documents[i].text.size());
    report.sources[documents[i].source].tokens += num_tokens;
  }
  manifest.num_documents = static_cast<int64_t>(documents.size());
  manifest.vocab_size = tokenizer.vocab_size();
  manifest.token_bytes = TokenBytes(manifest.vocab_size);
  const std::vector<std::byte> tokens = manifest.token_bytes == 2
                                            ? Pack<uint16_t>(encoded, manifest.num_tokens)
                                            : Pack<uint32_t>(encoded, manifest.num_tokens);
  const auto offset_bytes = std::as_bytes(std::span(offsets));
  manifest.tokens_checksum = Checksum(tokens);
  manifest.documents_checksum = Checksum(offset_bytes);
  WriteDirAtomic(dir, [&](const fs::path& folder) {
    WriteBytes(folder / kTokensFile, tokens);
    WriteBytes(folder / kDocumentsFile, offset_bytes);
    WriteFileAtomic(folder / kManifestFile, ManifestJson(manifest));
  });
}

}  // namespace agon::datasets
