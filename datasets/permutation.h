// A random order of 0..n-1 that is never stored.
#pragma once

#include <cstdint>

#include "core/rng.h"

namespace agon::datasets {

// A bijection on [0, n): a Feistel network of six rounds over the smallest square of a power
// of two that holds n, walked along its cycles until the result is below n (Black and
// Rogaway, "Ciphers with Arbitrary Finite Domains", 2002). Four steps at most on average.
class Permutation {
 public:
  // REQUIRES: 1 <= n <= 2^62. The key's `sample` is used by the rounds.
  Permutation(const RngKey& key, uint64_t n);

  // REQUIRES: i < n.
  uint64_t operator()(uint64_t i) const;

 private:
  uint64_t Round(uint64_t i) const;

  RngKey key_;
  uint64_t n_;
  int half_bits_;
};

}  // namespace agon::datasets
