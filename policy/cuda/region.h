// Which parts of a block of memory are taken.
#pragma once

#include <cstddef>
#include <map>

namespace agon::policy::cuda {

// What cudaMalloc promises, too.
inline constexpr size_t kPieceAlignment = 256;

inline constexpr size_t RoundedUp(size_t bytes) {
  return (bytes + kPieceAlignment - 1) / kPieceAlignment * kPieceAlignment;
}

// Takes where there is room first. The same calls give the same places in any block that is large
// enough, so that what was tried on paper fits.
class Region {
 public:
  // Of [base, base + size); base is a multiple of kPieceAlignment.
  Region(char* base, size_t size) : base_(base), size_(size) {}

  // Null if there is no room. REQUIRES: bytes > 0.
  char* Take(size_t bytes) {
    bytes = RoundedUp(bytes);
    size_t at = 0;
    for (const auto& [begin, end] : taken_) {
      if (begin - at >= bytes) break;
      at = end;
    }
    if (size_ - at < bytes) return nullptr;
    taken_[at] = at + bytes;
    return base_ + at;
  }
  void Give(const char* piece) { taken_.erase(static_cast<size_t>(piece - base_)); }

 private:
  char* base_;
  size_t size_;
  std::map<size_t, size_t> taken_;  // begin -> end
};

}  // namespace agon::policy::cuda
