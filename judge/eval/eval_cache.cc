#include "judge/eval/eval_cache.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "core/rng.h"
#include "judge/eval/sample_json.h"

namespace agon::judge {
namespace {

namespace fs = std::filesystem;

// Two hashes of 64 bits, 32 hex digits.
std::string FileName(const std::string& key) {
  char text[33];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(Hash64(key)),
                static_cast<unsigned long long>(Hash64(key, Hash64("second"))));
  return std::string(text) + ".jsonl";
}

std::string HexOf(uint64_t hash) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

std::string ToLine(uint64_t task, const CachedTask& computed) {
  Json samples = Json::array();
  for (const SampleRecord& sample : computed.samples) samples.push_back(SampleJson(sample));
  return DumpJson({{"task", task},
                   {"hash", HexOf(computed.hash)},
                   {"seconds", computed.seconds},
                   {"samples", std::move(samples)}});
}

bool IsMasked(const CachedTask& task) {
  return std::any_of(task.samples.begin(), task.samples.end(),
                     [](const SampleRecord& sample) { return sample.masked; });
}

// nullopt of the key's line and of a broken one, which is as good as absent: the task is
// computed again.
std::optional<std::pair<uint64_t, CachedTask>> ReadLine(std::string_view line) {
  if (line.empty() || line.starts_with("{\"key\"")) return std::nullopt;
  try {
    const Json json = ParseJson(line, "cache");
    CachedTask task;
    task.hash = std::strtoull(JsonField<std::string>(json, "hash", "").c_str(), nullptr, 16);
    task.seconds = JsonField<double>(json, "seconds", "");
    for (const Json& sample : JsonField<Json>(json, "samples", "")) {
      task.samples.push_back(ReadSample(sample, "cache"));
    }
    return std::pair(JsonField<uint64_t>(json, "task", ""), std::move(task));
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

EvalCache::EvalCache(const fs::path& folder, const std::string& key) {
  if (folder.empty()) return;
  std::error_code failure;
  fs::create_directories(folder, failure);
  if (failure) {
    throw Error(ErrorKind::kIo, failure.message(), folder.string(),
                "choose another folder (--cache) or none (--no-cache)");
  }
  const fs::path path = folder / FileName(key);
  const std::string text = fs::exists(path) ? ReadFile(path) : "";
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    // A last line without its newline was cut by a kill.
    auto read = end < text.size() ? ReadLine(std::string_view(text).substr(begin, end - begin))
                                  : std::nullopt;
    if (read && !IsMasked(read->second)) {
      tasks_.insert_or_assign(read->first, std::move(read->second));
    }
    begin = end + 1;
  }
  file_ = std::make_unique<AppendFile>(path);
  if (text.empty()) {
    file_->Append(DumpJson({{"key", key}}));
  } else if (text.back() != '\n') {
    file_->Append("");
  }
}

const CachedTask* EvalCache::Find(uint64_t task, uint64_t hash) const {
  const auto found = tasks_.find(task);
  return found != tasks_.end() && found->second.hash == hash ? &found->second : nullptr;
}

const CachedTask& EvalCache::Add(uint64_t task, const CachedTask& computed) {
  const std::string line = ToLine(task, computed);
  if (file_ && !IsMasked(computed)) file_->Append(line);
  auto read = ReadLine(line);
  AGON_CHECK(read);
  return tasks_.insert_or_assign(task, std::move(read->second)).first->second;
}

void EvalCache::Sync() {
  if (file_) file_->Sync();
}

}  // namespace agon::judge
