#include "arena/page/limits.h"

#include <algorithm>
#include <cmath>

namespace agon::arena {

int64_t RateLimit::Take(const std::string& key, int64_t now_ms) {
  if (per_ms_ <= 0) return 0;
  const std::lock_guard lock(mutex_);
  if (buckets_.size() >= kMaxKeys && !buckets_.contains(key)) Prune(now_ms);
  const auto [place, is_new] = buckets_.try_emplace(key, Bucket{burst_, now_ms});
  Bucket& bucket = place->second;
  const auto waited = static_cast<double>(std::max<int64_t>(0, now_ms - bucket.at_ms));
  bucket.level = std::min(burst_, bucket.level + waited * per_ms_);
  bucket.at_ms = now_ms;
  if (bucket.level < 1) return static_cast<int64_t>(std::ceil((1 - bucket.level) / per_ms_));
  bucket.level -= 1;
  return 0;
}

void RateLimit::Prune(int64_t now_ms) {
  const double full_ms = burst_ / per_ms_;
  std::erase_if(buckets_, [&](const auto& entry) {
    return static_cast<double>(now_ms - entry.second.at_ms) >= full_ms;
  });
  if (buckets_.size() > kMaxKeys / 2) buckets_.clear();
}

}  // namespace agon::arena
