// Counter-based random numbers (Philox4x32-10).
//
// A random number is a pure function of its key and counter, so the composition
// of a batch, the order of work and the number of threads can't change it.
// Source: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011;
// test vectors of Random123 are in tests/core/rng_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace agon {

// One block: 128-bit counter and 64-bit key to four independent 32-bit words.
std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// What a key is for. Streams never overlap, whatever the other fields are.
enum class RngStream : uint32_t {
  kInit = 1,     // weight initialisation
  kData = 2,     // order of documents and tasks
  kSample = 3,   // tokens drawn from the policy
  kTask = 4,     // task generation inside an environment
  kLabeler = 5,  // which labeler writes a demonstration
  kTest = 6,
  kBootstrap = 7,  // resampling in statistics
};

// Names a sequence of random numbers. Fields that don't apply stay 0.
struct RngKey {
  uint64_t run_seed = 0;
  RngStream stream = RngStream::kTest;
  uint64_t step = 0;
  uint64_t task = 0;
  uint32_t sample = 0;

  RngKey WithStep(uint64_t s) const;
  RngKey WithTask(uint64_t t) const;
  RngKey WithSample(uint32_t s) const;

  // Four words for `position` (a token's place, or a draw's number). Pure, thread-safe.
  std::array<uint32_t, 4> Words(uint32_t position) const;
  // In [0, 1) with 24 bits, exactly representable as float.
  float Uniform(uint32_t position) const;
};

// A sequence of draws from one key. Not thread-safe; cheap to copy.
class Rng {
 public:
  explicit Rng(const RngKey& key) : key_(key) {}

  uint32_t Next32();
  uint64_t Next64();
  // Uniform in [0, 1) with 53 bits.
  double Uniform();
  // Standard normal (Box-Muller).
  double Normal();
  // Uniform in [0, n), exact (rejection). REQUIRES: n > 0.
  uint64_t Below(uint64_t n);
  // Uniform in [low, high]. REQUIRES: low <= high.
  int64_t Between(int64_t low, int64_t high);

  // Fisher-Yates.
  template <typename Container>
  void Shuffle(Container& items) {
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[Below(i)]);
  }

 private:
  RngKey key_;
  uint32_t position_ = 0;
  int unread_ = 0;
  std::array<uint32_t, 4> words_{};
};

// 64-bit FNV-1a: stable names to numbers (environment ids, hashes of runs).
uint64_t Hash64(std::string_view bytes, uint64_t seed = 0xcbf29ce484222325ull);

}  // namespace agon
