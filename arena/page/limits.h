// How often somebody may ask. Private to arena.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

namespace agon::arena {

// A bucket of `burst` requests per key, which refills at `per_minute`. Thread-safe.
class RateLimit {
 public:
  RateLimit(int burst, int per_minute) : burst_(burst), per_ms_(per_minute / 60000.0) {}

  // 0 if the request may pass and was counted, else the milliseconds until the next one may.
  // `now_ms` is of a clock that doesn't jump. Without a rate everything passes.
  int64_t Take(const std::string& key, int64_t now_ms);

 private:
  struct Bucket {
    double level = 0;
    int64_t at_ms = 0;
  };
  // Forgets buckets that are full again; if that frees little, all of them.
  void Prune(int64_t now_ms);

  static constexpr size_t kMaxKeys = 65536;
  const double burst_, per_ms_;
  std::mutex mutex_;
  std::unordered_map<std::string, Bucket> buckets_;
};

}  // namespace agon::arena
