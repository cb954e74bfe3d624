#include "datasets/pipeline.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/file.h"
#include "datasets/clean.h"

namespace agon::datasets {
namespace {

void CheckRecipe(const CorpusRecipe& recipe) {
  const int least = 256 + static_cast<int>(ChatSpecialTokens().size());
  if (recipe.vocab_size < least || recipe.vocab_size > (1 << 20)) {
    throw Error(ErrorKind::kUsage, "a vocabulary of " + std::to_string(recipe.vocab_size),
                "vocab_size", "it holds " + std::to_string(least) + " to 1048576 tokens");
  }
  if (!(recipe.val_fraction >= 0 && recipe.val_fraction <= 0.5)) {
    throw Error(ErrorKind::kUsage, "a share outside 0 to 0.5", "val_fraction");
  }
  if (recipe.tokenizer_bytes < 0) {
    throw Error(ErrorKind::kUsage, "a number of bytes below 0", "tokenizer_bytes");
  }
}

// The documents in an order that has nothing to do with their sources: that of the hashes of
// their texts. So a prefix is a fair sample, and neighbours that share a sequence are strangers.
std::vector<TextHash> Mix(std::vector<Document>& documents) {
  std::vector<TextHash> hashes;
  std::vector<std::pair<TextHash, size_t>> order(documents.size());
#pragma omp parallel for schedule(dynamic, 64)
  for (size_t i = 0; i < documents.size(); ++i) {
    order[i] = {HashNormalizedText(documents[i].text), i};
  }
  std::sort(order.begin(), order.end());
  std::vector<Document> mixed;
  mixed.reserve(documents.size());
  for (const auto& [hash, i] : order) {
    mixed.push_back(std::move(documents[i]));
    hashes.push_back(hash);
  }
  documents = std::move(mixed);
  return hashes;
}

// A prefix of at least `num_bytes`; 0: all.
std::vector<std::string_view> SampleTexts(std::span<const Document> documents, int64_t num_bytes) {
  std::vector<std::string_view> texts;
  int64_t bytes = 0;
  for (const Document& document : documents) {
    if (num_bytes > 0 && bytes >= num_bytes) break;
    texts.push_back(document.text);
    bytes += static_cast<int64_t>(document.text.size());
  }
  return texts;
}

// Moves the held-out documents from `documents` to the result.
std::vector<Document> HoldOut(double fraction, std::span<const TextHash> hashes,
                              std::vector<Document>& documents) {
  constexpr uint64_t kBuckets = 1000000;
  const auto limit = static_cast<uint64_t>(fraction * static_cast<double>(kBuckets));
  std::vector<Document> train, val;
  for (size_t i = 0; i < documents.size(); ++i) {
    // The other half of the hash than the one that decides the order.
    auto& split = hashes[i][1] % kBuckets < limit ? val : train;
    split.push_back(std::move(documents[i]));
  }
  documents = std::move(train);
  return val;
}

int64_t TotalBytes(std::span<const Document> documents) {
  int64_t bytes = 0;
  for (const Document& document : documents) bytes += static_cast<int64_t>(document.text.size());
  return bytes;
}

void WriteSplit(const char* name, const fs::path& dir, std::span<const Document> documents,
                const Tokenizer& tokenizer, IngestReport& report, const IngestProgress& progress) {
  const int64_t bytes = TotalBytes(documents);
  if (progress) progress(name, 0, bytes);
  WriteCorpus(dir / name, documents, tokenizer, report);
  if (progress) progress(name, bytes, bytes);
}

}  // namespace

std::vector<SourceSpec> DefaultSources() {
  constexpr int64_t kPythonBytes = int64_t{6} << 20, kManualBytes = int64_t{30} << 20;
  return {
      {"math", "generated", "math", 0, "text", false},
      {"python", "text", "/usr/lib/python3.*/**/*.py", kPythonBytes, "text", true},
      {"python-manual", "html", "/usr/share/doc/python3*/html/**/*.html", kManualBytes, "text",
       true},
      {"wordnet", "wordnet", "/usr/share/wordnet/data.*", 0, "text", true},
  };
}

Tokenizer TrainTokenizer(const CorpusRecipe& recipe, std::vector<Document>& documents,
                         const IngestProgress& progress) {
  CheckRecipe(recipe);
  Mix(documents);
  BpeTrainingOptions options;
  options.vocab_size = recipe.vocab_size;
  if (progress) {
    options.on_progress = [&](int done, int total) { progress("tokenizer", done, total); };
  }
  return TrainBpe(SampleTexts(documents, recipe.tokenizer_bytes), options);
}

IngestReport BuildCorpus(const CorpusRecipe& recipe, const std::filesystem::path& dir,
                         const IngestProgress& progress) {
  CheckRecipe(recipe);
  const std::vector<SourceSpec> sources =
      recipe.sources.empty() ? DefaultSources() : recipe.sources;
  IngestReport report;
  std::vector<Document> documents = Ingest(sources, report, progress);
  if (documents.empty()) {
    throw Error(ErrorKind::kFailed, "the sources hold no text", dir.string(),
                "look at the sources with rl-data ingest; Debian has text in the packages "
                "wordnet-base and python3-doc");
  }
  const Tokenizer tokenizer = TrainTokenizer(recipe, documents, progress);
  const std::vector<TextHash> hashes = Mix(documents);
  const std::vector<Document> val = HoldOut(recipe.val_fraction, hashes, documents);
  std::error_code error;
  fs::create_directories(dir, error);
  if (error) throw Error(ErrorKind::kIo, "can't make the folder: " + error.message(), dir.string());
  tokenizer.Save(dir / "tokenizer.json");
  WriteSplit("train", dir, documents, tokenizer, report, progress);
  WriteSplit("val", dir, val, tokenizer, report, progress);
  WriteFileAtomic(dir / "report.json", ReportJson(report));
  return report;
}

}  // namespace agon::datasets
