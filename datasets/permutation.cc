#include "datasets/permutation.h"

#include <bit>

#include "core/error.h"

namespace agon::datasets {

Permutation::Permutation(const RngKey& key, uint64_t n) : key_(key), n_(n) {
  AGON_CHECK(n >= 1 && n <= uint64_t{1} << 62);
  half_bits_ = (std::bit_width(n - 1) + 1) / 2;
}

uint64_t Permutation::Round(uint64_t i) const {
  constexpr uint32_t kRounds = 6;
  const uint64_t mask = (uint64_t{1} << half_bits_) - 1;
  uint64_t left = i >> half_bits_, right = i & mask;
  for (uint32_t round = 0; round < kRounds; ++round) {
    const uint32_t word = key_.WithSample(round).Words(static_cast<uint32_t>(right))[0];
    const uint64_t next = left ^ (word & mask);
    left = right;
    right = next;
  }
  return (left << half_bits_) | right;
}

uint64_t Permutation::operator()(uint64_t i) const {
  AGON_CHECK(i < n_);
  do {
    i = Round(i);
  } while (i >= n_);
  return i;
}

}  // namespace agon::datasets
