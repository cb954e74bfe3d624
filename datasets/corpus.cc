#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>

#include "core/error.h"
#include "core/file.h"
#include "datasets/corpus_files.h"
#include "datasets/datasets.h"
#include "datasets/permutation.h"

namespace agon::datasets {
namespace {

// A stretch of the token stream; packs[i] is the first piece of pack i.
struct Piece {
  int64_t begin, end;
};

struct Packs {
  std::vector<Piece> pieces;
  std::vector<size_t> packs;  // and pieces.size() at the end
  double mean_tokens = 0;

  size_t size() const { return packs.size() - 1; }
};

// Appends the pieces of one document; a document of one token has nothing to predict.
void CutDocument(int64_t begin, int64_t end, int64_t max_tokens, std::vector<Piece>& pieces) {
  for (int64_t i = begin; i + 1 < end; i += max_tokens) {
    pieces.push_back({i, std::min(i + max_tokens + 1, end)});
  }
}

void CheckSize(const MappedFile& file, uint64_t bytes, uint64_t checksum, const fs::path& path) {
  constexpr const char* kHint = "build the corpus again (rl-data build)";
  if (file.bytes().size() != bytes) {
    throw Error(ErrorKind::kCorrupt,
                "has " + std::to_string(file.bytes().size()) + " bytes, the manifest says " +
                    std::to_string(bytes),
                path.string(), kHint);
  }
  if (Checksum(file.bytes()) != checksum) {
    throw Error(ErrorKind::kCorrupt, "checksum disagrees with the manifest", path.string(), kHint);
  }
}

}  // namespace

struct Corpus::Impl {
  explicit Impl(const fs::path& dir)
      : manifest(ReadManifest(dir)), tokens(dir / kTokensFile), documents(dir / kDocumentsFile) {
    CheckSize(tokens, static_cast<uint64_t>(manifest.num_tokens * manifest.token_bytes),
              manifest.tokens_checksum, dir / kTokensFile);
    CheckSize(documents, static_cast<uint64_t>(manifest.num_documents) * sizeof(uint64_t),
              manifest.documents_checksum, dir / kDocumentsFile);
    CheckContents(dir);
  }

  // Ids and offsets in range, so that nobody behind needs to look.
  void CheckContents(const fs::path& dir) const {
    for (int64_t i = 0; i < manifest.num_documents; ++i) {
      const int64_t begin = DocumentBegin(i);
      if ((i == 0 && begin != 0) || begin < 0 || begin >= DocumentBegin(i + 1)) {
        throw Error(ErrorKind::kCorrupt, "offsets don't grow", (dir / kDocumentsFile).string());
      }
    }
    for (int64_t i = 0; i < manifest.num_tokens; ++i) {
      if (const int64_t id = Token(i); id < 0 || id >= manifest.vocab_size) {
        throw Error(ErrorKind::kCorrupt, "a token is outside the vocabulary",
                    (dir / kTokensFile).string());
      }
    }
  }

  int64_t DocumentBegin(int64_t i) const {
    if (i == manifest.num_documents) return manifest.num_tokens;
    uint64_t offset;
    std::memcpy(&offset, documents.bytes().data() + static_cast<size_t>(i) * sizeof(offset),
                sizeof(offset));
    return static_cast<int64_t>(offset);
  }

  int64_t Token(int64_t i) const {
    const auto width = static_cast<size_t>(manifest.token_bytes);
    uint32_t token = 0;  // little-endian: the low bytes come first
    std::memcpy(&token, tokens.bytes().data() + static_cast<size_t>(i) * width, width);
    return token;
  }

  std::vector<int32_t> Tokens(int64_t begin, int64_t end) const {
    std::vector<int32_t> ids;
    ids.reserve(static_cast<size_t>(end - begin));
    for (int64_t i = begin; i < end; ++i) ids.push_back(static_cast<int32_t>(Token(i)));
    return ids;
  }

  Packs MakePacks(int max_tokens) const {
    Packs result;
    for (int64_t i = 0; i < manifest.num_documents; ++i) {
      CutDocument(DocumentBegin(i), DocumentBegin(i + 1), max_tokens, result.pieces);
    }
    int64_t in_pack = 0, total = 0;
    for (size_t i = 0; i < result.pieces.size(); ++i) {
      const int64_t length = result.pieces[i].end - result.pieces[i].begin;
      if (i == 0 || in_pack + length > max_tokens + 1) {
        result.packs.push_back(i);
        in_pack = 0;
      }
      in_pack += length;
      total += length;
    }
    result.packs.push_back(result.pieces.size());
    if (result.size() > 0) {
      result.mean_tokens = static_cast<double>(total) / static_cast<double>(result.size());
    }
    return result;
  }

  const Packs& PacksFor(int max_tokens) {
    const std::lock_guard lock(mutex);
    const auto [it, is_new] = packs.try_emplace(max_tokens);
    if (is_new) it->second = MakePacks(max_tokens);
    return it->second;
  }

  CorpusManifest manifest;
  MappedFile tokens, documents;
  std::mutex mutex;
  std::map<int, Packs> packs;  // by max_tokens; an entry never moves or changes
};

Corpus::Corpus(const std::filesystem::path& dir) : impl_(std::make_unique<Impl>(dir)) {}
Corpus::~Corpus() = default;
Corpus::Corpus(Corpus&&) noexcept = default;

int64_t Corpus::num_tokens() const { return impl_->manifest.num_tokens; }
int64_t Corpus::num_documents() const { return impl_->manifest.num_documents; }
int64_t Corpus::num_bytes() const { return impl_->manifest.num_bytes; }

std::vector<int32_t> Corpus::DocumentTokens(int64_t document_idx) const {
  AGON_CHECK(document_idx >= 0 && document_idx < num_documents());
  return impl_->Tokens(impl_->DocumentBegin(document_idx), impl_->DocumentBegin(document_idx + 1));
}

std::vector<std::vector<int32_t>> Corpus::Batch(const RngKey& key, uint64_t step,
                                                int64_t num_tokens, int max_tokens) const {
  AGON_CHECK(num_tokens >= 1 && max_tokens >= 1);
  const Packs& packs = impl_->PacksFor(max_tokens);
  if (packs.size() == 0) {
    throw Error(ErrorKind::kFailed, "the corpus has no text to train on", "",
                "add sources, or hold out less");
  }
  const uint64_t num_packs = packs.size();
  const auto packs_per_step = static_cast<uint64_t>(
      std::max(1.0, std::round(static_cast<double>(num_tokens) / packs.mean_tokens)));
  std::vector<std::vector<int32_t>> sequences;
  for (uint64_t i = 0; i < packs_per_step; ++i) {
    const uint64_t place = step * packs_per_step + i;
    const Permutation order(key.WithStep(place / num_packs), num_packs);
    const uint64_t pack = order(place % num_packs);
    for (size_t k = packs.packs[pack]; k < packs.packs[pack + 1]; ++k) {
      sequences.push_back(impl_->Tokens(packs.pieces[k].begin, packs.pieces[k].end));
    }
  }
  return sequences;
}

}  // namespace agon::datasets
