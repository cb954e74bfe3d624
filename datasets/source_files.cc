#include "datasets/source_files.h"

#include <fnmatch.h>
#include <glob.h>

#include <algorithm>
#include <set>

#include "core/rng.h"

namespace agon::datasets {
namespace {

std::vector<fs::path> Glob(const std::string& pattern) {
  std::vector<fs::path> paths;
  glob_t found{};
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  globfree(&found);
  return paths;
}

bool EndsAsKind(const fs::path& path, const std::string& kind) {
  const std::string extension = path.extension().string();
  if (kind == "jsonl") return extension == ".jsonl";
  if (kind == "html") return extension == ".html" || extension == ".htm";
  return true;
}

void AddFile(const fs::path& path, std::set<fs::path>& files) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return;
  const fs::path canonical = fs::canonical(path, error);
  if (!error) files.insert(canonical);
}

void AddFolder(const fs::path& folder, const std::string& pattern, const std::string& kind,
               std::set<fs::path>& files) {
  std::error_code error;
  const auto options = fs::directory_options::skip_permission_denied;
  fs::recursive_directory_iterator it(folder, options, error), end;
  for (; !error && it != end; it.increment(error)) {
    const fs::path& path = it->path();
    const bool matches = pattern.empty()
                             ? EndsAsKind(path, kind)
                             : fnmatch(pattern.c_str(), path.filename().c_str(), 0) == 0;
    if (matches) AddFile(path, files);
  }
}

// A sample of at most `max_bytes` that adding other files disturbs little.
void KeepSample(int64_t max_bytes, std::vector<SourceFile>& files) {
  std::vector<std::pair<uint64_t, size_t>> order;
  for (size_t i = 0; i < files.size(); ++i) {
    order.emplace_back(Hash64(files[i].path.filename().string(), Hash64("sample")), i);
  }
  std::sort(order.begin(), order.end());
  std::vector<SourceFile> kept;
  int64_t bytes = 0;
  for (const auto& [hash, i] : order) {
    if (bytes + files[i].bytes > max_bytes) continue;
    bytes += files[i].bytes;
    kept.push_back(files[i]);
  }
  files = std::move(kept);
}

}  // namespace

std::vector<SourceFile> FindSourceFiles(const SourceSpec& spec) {
  const std::string kDeep = "/**/";
  const size_t deep = spec.path.find(kDeep);
  const std::string pattern = deep == spec.path.npos ? "" : spec.path.substr(deep + kDeep.size());
  std::set<fs::path> paths;
  // A name may hold characters that mean something in a glob.
  std::error_code error;
  const std::vector<fs::path> found = fs::exists(spec.path, error)
                                          ? std::vector<fs::path>{spec.path}
                                          : Glob(spec.path.substr(0, deep));
  for (const fs::path& path : found) {
    if (fs::is_directory(path, error)) {
      AddFolder(path, pattern, spec.kind, paths);
    } else if (deep == spec.path.npos) {
      AddFile(path, paths);
    }
  }
  std::vector<SourceFile> files;
  int64_t total = 0;
  for (const fs::path& path : paths) {
    const auto bytes = static_cast<int64_t>(fs::file_size(path, error));
    if (error) continue;
    files.push_back({path, bytes});
    total += bytes;
  }
  if (spec.max_bytes > 0 && total > spec.max_bytes) KeepSample(spec.max_bytes, files);
  std::sort(files.begin(), files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

}  // namespace agon::datasets
