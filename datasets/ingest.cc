#include <omp.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <set>
#include <utility>

#include "core/error.h"
#include "datasets/clean.h"
#include "datasets/datasets.h"
#include "datasets/generated_math.h"
#include "datasets/read_source.h"
#include "datasets/source_files.h"

namespace agon::datasets {
namespace {

constexpr std::array<const char*, 4> kFileKinds = {"text", "jsonl", "html", "wordnet"};
constexpr int64_t kDefaultGeneratedBytes = int64_t{5} << 20;

void CheckSpec(const SourceSpec& spec) {
  const bool is_file_kind =
      std::find(kFileKinds.begin(), kFileKinds.end(), spec.kind) != kFileKinds.end();
  if (spec.name.empty()) throw Error(ErrorKind::kUsage, "a source has no name", spec.path);
  if (!is_file_kind && spec.kind != "generated") {
    throw Error(ErrorKind::kUsage, "unknown kind \"" + spec.kind + "\"", "source " + spec.name,
                "kinds are text, jsonl, html, wordnet and generated");
  }
  if (spec.kind == "generated" && spec.path != "math") {
    throw Error(ErrorKind::kUsage, "unknown generator \"" + spec.path + "\"", "source " + spec.name,
                "the generator is \"math\"");
  }
  if (spec.max_bytes < 0) {
    throw Error(ErrorKind::kUsage, "a limit below 0", "source " + spec.name);
  }
}

// Texts of all files in the files' order, whichever thread reads which.
std::vector<FileTexts> ReadFiles(const SourceSpec& spec, const std::vector<SourceFile>& files,
                                 const IngestProgress& progress) {
  int64_t total = 0;
  for (const SourceFile& file : files) total += file.bytes;
  std::vector<FileTexts> results(files.size());
  std::atomic<int64_t> done = 0;
  std::atomic<bool> has_failed = false;
  std::exception_ptr failure;
#pragma omp parallel for schedule(dynamic)
  for (size_t i = 0; i < files.size(); ++i) {
    if (has_failed) continue;
    try {
      results[i] = ReadSourceFile(spec, files[i]);
      done += files[i].bytes;
      // Callers needn't be thread-safe: only the calling thread reports.
      if (progress && omp_get_thread_num() == 0) progress(spec.name, done, total);
    } catch (...) {
#pragma omp critical(agon_ingest_failure)
      failure = std::current_exception();
      has_failed = true;
    }
  }
  if (failure) std::rethrow_exception(failure);
  if (progress) progress(spec.name, total, total);
  return results;
}

std::string DescribeMissing(const SourceSpec& spec) {
  return "source " + spec.name + ": nothing matches " + spec.path;
}

std::vector<FileTexts> ReadSource(const SourceSpec& spec, IngestReport& report,
                                  const IngestProgress& progress) {
  if (spec.kind == "generated") {
    const int64_t bytes = spec.max_bytes > 0 ? spec.max_bytes : kDefaultGeneratedBytes;
    FileTexts generated;
    generated.texts = GenerateMath({0, RngStream::kData, 0, 0, 0}, bytes);
    if (progress) progress(spec.name, bytes, bytes);
    return {std::move(generated)};
  }
  const std::vector<SourceFile> files = FindSourceFiles(spec);
  if (files.empty()) {
    if (!spec.is_optional) {
      throw Error(ErrorKind::kNotFound, "no file for source \"" + spec.name + "\"", spec.path,
                  spec.max_bytes > 0 ? "check the path; files above the limit don't count"
                                     : "check the path; quote a glob");
    }
    report.notes.push_back(DescribeMissing(spec));
    return {};
  }
  report.sources[spec.name].files += static_cast<int64_t>(files.size());
  return ReadFiles(spec, files, progress);
}

}  // namespace

std::vector<Document> Ingest(std::span<const SourceSpec> sources, IngestReport& report,
                             const IngestProgress& progress) {
  for (const SourceSpec& spec : sources) CheckSpec(spec);
  std::vector<Document> documents;
  std::set<TextHash> seen;
  for (const SourceSpec& spec : sources) {
    std::vector<FileTexts> files = ReadSource(spec, report, progress);
    if (files.empty()) continue;
    SourceCounts& counts = report.sources[spec.name];
    for (FileTexts& file : files) {
      for (const auto& [reason, count] : file.dropped) counts.dropped[reason] += count;
      for (std::string& text : file.texts) {
        if (!seen.insert(HashNormalizedText(text)).second) {
          ++counts.dropped["duplicate"];
          continue;
        }
        ++counts.documents;
        counts.bytes += static_cast<int64_t>(text.size());
        documents.push_back({spec.name, std::move(text)});
      }
    }
  }
  return documents;
}

}  // namespace agon::datasets
