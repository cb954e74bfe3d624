// Bytes to clean text to token corpora to training batches.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
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

// A source of text. KIND and what PATH names:
//   text       files as they are
//   jsonl      one document per line: the field `json_field`, else the contents of `messages`
//   html       the readable text of pages
//   wordnet    WordNet's data files (data.noun, ...): "word: definition; example."
//   generated  PATH is a generator: "math" (datasets/generated_math.h)
// A PATH is a file, a folder (all files below it that end as the kind does), a glob, or
// FOLDER/**/GLOB: the files below FOLDER whose names match.
struct SourceSpec {
  std::string name;
  std::string kind;
  std::string path;
  // Bytes of files to read, 0: all. Of a source with more, a fixed sample of its files is
  // read. For a generator: bytes to generate, 0: its default.
  int64_t max_bytes = 0;
  std::string json_field = "text";
  bool is_optional = false;  // a path that matches nothing is a note in the report, no error
};

struct SourceCounts {
  int64_t files = 0, documents = 0, bytes = 0, tokens = 0;  // of what was kept
  std::map<std::string, int64_t> dropped;                   // reason -> files, lines or documents
};

struct IngestReport {
  std::map<std::string, SourceCounts> sources;  // by source name
  std::vector<std::string> notes;               // what was left out and how to get it
};

using IngestProgress =
    std::function<void(const std::string& source, int64_t done_bytes, int64_t total_bytes)>;

// Reads, cleans, filters and deduplicates (rules: datasets/clean.h). Documents are in a fixed order
// for the same files, whatever the threads. Throws kNotFound when a path matches nothing, kUsage
// for an unknown kind.
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

  // Sequences of 2 to max_tokens + 1 tokens, about num_tokens in all, for training step
  // `step`: a pure function of (key, step), so a resumed run sees the same data. Costs no
  // more than the batch (the first call with a max_tokens also looks at every document).
  //
  // A document longer than max_tokens + 1 is cut into pieces that overlap by one token, so
  // that each of its tokens but the first is a target once. Neighbours on disk are packed
  // into packs of at most max_tokens + 1 tokens, each piece a sequence of its own; packs
  // are drawn without replacement per epoch, the same number every step.
  std::vector<std::vector<int32_t>> Batch(const RngKey& key, uint64_t step, int64_t num_tokens,
                                          int max_tokens) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agon::datasets
