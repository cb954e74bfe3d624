// Which slots begin alike, as tables on a GPU.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "policy/cuda/kernels.h"
#include "policy/cuda/space.h"

namespace agon::policy::cuda {

// Reading less than this once more in a layer is cheaper than one more kernel.
inline constexpr int64_t kWorthSharing = 4 << 20;

class CudaPrefixes final : public SharedPrefixes {
 public:
  // Takes what any prefixes of `num_slots` slots need.
  CudaPrefixes(Space& space, const HeadShape& shape, int num_slots);

  int32_t* rows() override { return numbers_ + kRowsAt; }

  // What is to be at data(): tiles of the prefixes' whole blocks of keys, no rows. Empty if sharing
  // saves fewer than kWorthSharing bytes.
  std::vector<int32_t> Tables(std::span<const SharedPrefix> shared) const;
  int32_t* data() { return numbers_; }

  PrefixTables tables() const;
  int most_tiles() const { return num_slots_ / 2 + num_slots_ / members_ + 1; }

 private:
  // The number of tiles, then of each slot its row, its shared keys, and a member; then tiles.
  static constexpr int kRowsAt = 4;
  int At(int array) const { return kRowsAt + array * num_slots_; }
  int TilesAt() const { return (At(3) + 3) / 4 * 4; }

  HeadShape shape_;
  int num_slots_, members_;  // of a tile at most
  CudaMemory memory_, parts_memory_;
  int32_t* numbers_;
  float* parts_;
};

}  // namespace agon::policy::cuda
