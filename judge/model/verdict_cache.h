// What a judge's model answered before, in a SQLite file that survives kills and may be shared.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace agon::judge {

// Thread-safe. Any number of processes may use one file at once.
class VerdictCache {
 public:
  // Creates the file where there is none. Throws as Database does (core/database.h).
  explicit VerdictCache(const std::filesystem::path& file);
  ~VerdictCache();

  // `key` holds all that decides the answer: weights or address, template, sampling, prompt. It
  // is kept as its SHA-256.
  std::optional<std::string> Find(const std::string& key);
  void Insert(const std::string& key, const std::string& answer);

  int64_t num_hits() const;
  int64_t num_misses() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace agon::judge
