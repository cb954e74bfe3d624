#include "judge/eval/eval_cache.h"

#include <cstdio>
#include <cstdlib>
#include <system_error>

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
    if (end < text.size()) ReadLine(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
  }
  file_ = std::make_unique<AppendFile>(path);
  if (text.empty()) {
    file_->Append(DumpJson({{"key", key}}));
  } else if (text.back() != '\n') {
    file_->Append("");
  }
}

void EvalCache::ReadLine(std::string_view line) {
  if (line.empty() || line.starts_with("{\"key\"")) return;
  try {
    const Json json = ParseJson(line, "cache");
    CachedTask task;
    task.hash = std::strtoull(JsonField<std::string>(json, "hash", "").c_str(), nullptr, 16);
    task.seconds = JsonField<double>(json, "seconds", "");
    for (const Json& sample : JsonField<Json>(json, "samples", "")) {
      task.samples.push_back(ReadSample(sample, "cache"));
    }
    tasks_.insert_or_assign(JsonField<uint64_t>(json, "task", ""), std::move(task));
  } catch (const Error&) {
    // As good as absent: the task is computed again.
  }
}

const CachedTask* EvalCache::Find(uint64_t task, uint64_t hash) const {
  const auto found = tasks_.find(task);
  return found != tasks_.end() && found->second.hash == hash ? &found->second : nullptr;
}

const CachedTask& EvalCache::Add(uint64_t task, const CachedTask& computed) {
  const std::string line = ToLine(task, computed);
  if (file_) file_->Append(line);
  tasks_.erase(task);
  ReadLine(line);
  AGON_CHECK(tasks_.contains(task));
  return tasks_.at(task);
}

void EvalCache::Sync() {
  if (file_) file_->Sync();
}

}  // namespace agon::judge
