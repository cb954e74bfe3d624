#include "datasets/bpe.h"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <queue>

#include "core/error.h"

namespace agon::datasets {
namespace {

// Below this length a scan over an array in L1 beats a heap.
constexpr size_t kShortWord = 48;

}  // namespace

MergeTable::MergeTable(std::span<const std::pair<int32_t, int32_t>> pairs,
                       std::span<const int32_t> ids) {
  const uint64_t num_slots = std::bit_ceil(std::max<uint64_t>(16, pairs.size() * 2 + 1));
  slots_.resize(num_slots);
  mask_ = num_slots - 1;
  shift_ = 64 - std::countr_zero(num_slots);
  for (size_t rank = 0; rank < pairs.size(); ++rank) {
    const uint64_t key = Key(pairs[rank].first, pairs[rank].second);
    uint64_t slot = Hash(key);
    while (slots_[slot].key != kEmpty && slots_[slot].key != key) slot = (slot + 1) & mask_;
    slots_[slot] = {key, {static_cast<uint32_t>(rank), ids[rank]}};
  }
}

void MergeTable::MergeWord(std::vector<int32_t>& word) const {
  if (word.size() < 2) return;
  word.size() <= kShortWord ? MergeShort(word) : MergeLong(word);
}

void MergeTable::MergeShort(std::vector<int32_t>& word) const {
  std::array<Merge, kShortWord> merges;  // merges[i] joins word[i] and word[i + 1]
  size_t size = word.size();
  for (size_t i = 0; i + 1 < size; ++i) merges[i] = Find(word[i], word[i + 1]);
  while (size > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < size; ++i) {
      if (merges[i].rank < merges[best].rank) best = i;
    }
    if (merges[best].rank == kNoMerge) break;
    word[best] = merges[best].id;
    std::copy(word.begin() + best + 2, word.begin() + size, word.begin() + best + 1);
    std::copy(merges.begin() + best + 1, merges.begin() + size - 1, merges.begin() + best);
    --size;
    if (best > 0) merges[best - 1] = Find(word[best - 1], word[best]);
    if (best + 1 < size) merges[best] = Find(word[best], word[best + 1]);
  }
  word.resize(size);
}

void MergeTable::MergeLong(std::vector<int32_t>& word) const {
  constexpr uint32_t kEnd = UINT32_MAX;
  AGON_CHECK(word.size() < kEnd, "a pre-token of 4 GiB");
  const uint32_t size = static_cast<uint32_t>(word.size());
  std::vector<uint32_t> next(size), previous(size);
  std::vector<Merge> merges(size);
  std::vector<uint64_t> entries;
  for (uint32_t i = 0; i < size; ++i) {
    previous[i] = i == 0 ? kEnd : i - 1;
    next[i] = i + 1 < size ? i + 1 : kEnd;
    if (i + 1 < size) merges[i] = Find(word[i], word[i + 1]);
    if (merges[i].rank != kNoMerge) entries.push_back(uint64_t{merges[i].rank} << 32 | i);
  }
  // Rank above, position below: the smallest entry is the leftmost pair of lowest rank.
  std::priority_queue heap(std::greater<uint64_t>(), std::move(entries));
  const auto refresh = [&](uint32_t i) {
    merges[i] = next[i] == kEnd ? Merge{} : Find(word[i], word[next[i]]);
    if (merges[i].rank != kNoMerge) heap.push(uint64_t{merges[i].rank} << 32 | i);
  };
  while (!heap.empty()) {
    const uint32_t rank = static_cast<uint32_t>(heap.top() >> 32);
    const uint32_t left = static_cast<uint32_t>(heap.top());
    heap.pop();
    if (merges[left].rank != rank) continue;  // a merge since then changed this pair
    const uint32_t right = next[left];
    word[left] = merges[left].id;
    word[right] = -1;
    merges[right] = {};
    next[left] = next[right];
    if (next[left] != kEnd) previous[next[left]] = left;
    refresh(left);
    if (previous[left] != kEnd) refresh(previous[left]);
  }
  std::erase(word, -1);
}

}  // namespace agon::datasets
