#include "policy/cuda/prefixes.h"

#include <algorithm>

#include "core/error.h"

namespace agon::policy::cuda {
namespace {

constexpr int kTileInts = sizeof(PrefixTile) / sizeof(int32_t);

}  // namespace

CudaPrefixes::CudaPrefixes(Space& space, const HeadShape& shape, int num_slots)
    : shape_(shape),
      num_slots_(num_slots),
      members_(std::max(1, kPrefixRows / (shape.num_heads / shape.num_kv_heads))),
      memory_(space, "rows that are decoded"),
      parts_memory_(space, "attention (scratch)"),
      numbers_(reinterpret_cast<int32_t*>(memory_.Get(
          static_cast<size_t>(TilesAt() + most_tiles() * kTileInts) * sizeof(int32_t)))),
      parts_(reinterpret_cast<float*>(
          parts_memory_.Get(static_cast<size_t>(num_slots) * static_cast<size_t>(shape.num_heads) *
                            static_cast<size_t>(PartFloats(shape.head_dim)) * sizeof(float)))) {}

std::vector<int32_t> CudaPrefixes::Tables(std::span<const SharedPrefix> shared) const {
  const int block = KeysPerBlock(shape_.head_dim);
  std::vector<int32_t> numbers(static_cast<size_t>(TilesAt()), 0), tiles;
  std::fill_n(numbers.begin() + kRowsAt, num_slots_, -1);
  int32_t num_members = 0;
  int64_t keys_saved = 0;
  for (const SharedPrefix& prefix : shared) {
    const auto count = static_cast<int32_t>(prefix.slots.size());
    const int32_t num_keys = prefix.length / block * block;
    if (num_keys == 0 || count < 2) continue;
    AGON_CHECK(num_members + count <= num_slots_, "a slot has two prefixes");
    keys_saved += int64_t{count - 1} * num_keys;
    for (int32_t i = 0; i < count; i += members_) {
      tiles.insert(tiles.end(),
                   {prefix.slots[0], num_keys, num_members + i, std::min(members_, count - i)});
    }
    for (const int32_t slot : prefix.slots) {
      numbers[static_cast<size_t>(At(1) + slot)] = num_keys;
      numbers[static_cast<size_t>(At(2) + num_members++)] = slot;
    }
  }
  const int64_t key_bytes = int64_t{2} * shape_.num_kv_heads * shape_.head_dim * sizeof(Bf16);
  if (keys_saved * key_bytes < kWorthSharing) return {};
  numbers[0] = static_cast<int32_t>(tiles.size()) / kTileInts;
  numbers.insert(numbers.end(), tiles.begin(), tiles.end());
  return numbers;
}

PrefixTables CudaPrefixes::tables() const {
  return {.num_tiles = numbers_,
          .tiles = reinterpret_cast<const PrefixTile*>(numbers_ + TilesAt()),
          .members = numbers_ + At(2),
          .num_keys = numbers_ + At(1),
          .rows = numbers_ + kRowsAt,
          .parts = parts_};
}

}  // namespace agon::policy::cuda
