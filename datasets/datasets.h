// Bytes to clean text to token corpora to training batches.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/rng.h"
#include "datasets/tokenizer.h"

namespace agon::datasets {

struct Document {
  std::string source;  // name of the source in the recipe: "python", "wordnet", ...
  std::string text;    // valid UTF-8
};

// A source of text: "NAME=KIND:PATH" with KIND text | jsonl | html; PATH a file, a
// folder (searched recursively) or a glob. Generated sources have KIND "generated".
struct SourceSpec {
  std::string name;
  std::string kind;
  std::string path;
  int64_t max_bytes = 0;     // 0: no limit
  std::string json_field = "text";
};

struct SourceCounts {
  int64_t files = 0, documents = 0, bytes = 0, tokens = 0;
  std::map<std::string, int64_t> dropped;  // reason -> documents
};

struct IngestReport {
  std::map<std::string, SourceCounts> sources;  // by source name
};

using IngestProgress = std::function<void(const std::string& source, int64_t done_bytes,
                                          int64_t total_bytes)>;

// Reads, cleans, filters and deduplicates. Documents are in a fixed order for the same
// files, whatever the threads. Throws kNotFound when a path matches nothing.
std::vector<Document> Ingest(std::span<const SourceSpec> sources, IngestReport& report,
                             const IngestProgress& progress = {});

// Token corpus on disk: `tokens.bin` (uint16 or uint32 little-endian), `documents.bin`
// (uint64 first-token offsets), `manifest.json` (written last; format in
// docs/formats/corpus.md). Every document ends in <|endoftext|>. Each split is a corpus.
void WriteCorpus(const std::filesystem::path& dir, std::span<const Document> documents,
                 const Tokenizer& tokenizer, IngestReport& report);

class Corpus {
 public:
  // Maps the files. Throws kNotFound or kCorrupt (size or checksum disagrees).
  explicit Corpus(const std::filesystem::path& dir);
  ~Corpus();
  Corpus(Corpus&&) noexcept;

  int64_t num_tokens() const;
  int64_t num_documents() const;
  // Bytes of text that the tokens stand for: the denominator of bits per byte.
  int64_t num_bytes() const;
  std::vector<int32_t> DocumentTokens(int64_t document_idx) const;

  // `num_sequences` sequences of at most max_tokens + 1 tokens for training step `step`:
  // a pure function of (key, step), so a resumed run sees the same data. Documents are
  // drawn without replacement per epoch; a document longer than max_tokens + 1 is cut
  // into pieces that are drawn separately; short ones are packed whole, back to back,
  // each as a sequence of its own until the total reaches num_tokens.
  std::vector<std::vector<int32_t>> Batch(const RngKey& key, uint64_t step, int64_t num_tokens,
                                          int max_tokens) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agon::datasets
