// Rank-ordered merging of one word: the inner step of byte-level BPE.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace agon::datasets {

// Merges keyed by the pair they join: an open-addressing table built once, then only
// read, so any number of threads may use it.
class MergeTable {
 public:
  static constexpr uint32_t kNoMerge = UINT32_MAX;
  struct Merge {
    uint32_t rank = kNoMerge;  // smaller merges first
    int32_t id = -1;           // what the pair becomes
  };

  // `pairs[r]` becomes `ids[r]` and has rank r. A pair listed twice keeps its last rank.
  MergeTable(std::span<const std::pair<int32_t, int32_t>> pairs, std::span<const int32_t> ids);

  // rank == kNoMerge where the pair has none.
  Merge Find(int32_t left, int32_t right) const {
    const uint64_t key = Key(left, right);
    for (uint64_t slot = Hash(key);; slot = (slot + 1) & mask_) {
      if (slots_[slot].key == key) return slots_[slot].merge;
      if (slots_[slot].key == kEmpty) return {};
    }
  }

  // Joins the pair of lowest rank, the leftmost first, until none is left; shrinks
  // `word` to the result. O(n log n).
  void MergeWord(std::vector<int32_t>& word) const;

 private:
  static constexpr uint64_t kEmpty = UINT64_MAX;
  struct Slot {
    uint64_t key = kEmpty;
    Merge merge;
  };
  static uint64_t Key(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  uint64_t Hash(uint64_t key) const { return (key * 0x9e3779b97f4a7c15ull) >> shift_; }

  void MergeShort(std::vector<int32_t>& word) const;
  void MergeLong(std::vector<int32_t>& word) const;

  std::vector<Slot> slots_;
  uint64_t mask_;
  int shift_;
};

}  // namespace agon::datasets
