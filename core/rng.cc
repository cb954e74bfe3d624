#include "core/rng.h"

#include <cmath>
#include <utility>

#include "core/error.h"

namespace agon {
namespace {

constexpr uint32_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;

constexpr uint32_t Low(uint64_t x) { return static_cast<uint32_t>(x); }
constexpr uint32_t High(uint64_t x) { return static_cast<uint32_t>(x >> 32); }

}  // namespace

std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> c, std::array<uint32_t, 2> k) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = static_cast<uint64_t>(kMultiplier0) * c[0];
    const uint64_t product1 = static_cast<uint64_t>(kMultiplier1) * c[2];
    c = {High(product1) ^ c[1] ^ k[0], Low(product1), High(product0) ^ c[3] ^ k[1], Low(product0)};
    k[0] += kWeyl0;
    k[1] += kWeyl1;
  }
  return c;
}

RngKey RngKey::WithStep(uint64_t s) const {
  RngKey key = *this;
  key.step = s;
  return key;
}

RngKey RngKey::WithTask(uint64_t t) const {
  RngKey key = *this;
  key.task = t;
  return key;
}

RngKey RngKey::WithSample(uint32_t s) const {
  RngKey key = *this;
  key.sample = s;
  return key;
}

std::array<uint32_t, 4> RngKey::Words(uint32_t position) const {
  // (seed, stream) and step become the Philox key; what varies inside a batch is the counter.
  const auto mixed = Philox4x32({Low(step), High(step), static_cast<uint32_t>(stream), 0},
                                {Low(run_seed), High(run_seed)});
  return Philox4x32({position, sample, Low(task), High(task)}, {mixed[0], mixed[1]});
}

float RngKey::Uniform(uint32_t position) const {
  return static_cast<float>(Words(position)[0] >> 8) * 0x1p-24f;
}

uint32_t Rng::Next32() {
  if (unread_ == 0) {
    words_ = key_.Words(position_++);
    unread_ = 4;
  }
  return words_[4 - unread_--];
}

uint64_t Rng::Next64() {
  const uint64_t low = Next32();
  return low | static_cast<uint64_t>(Next32()) << 32;
}

double Rng::Uniform() { return static_cast<double>(Next64() >> 11) * 0x1p-53; }

double Rng::Normal() {
  constexpr double kTwoPi = 6.283185307179586476925;
  const double radius = std::sqrt(-2.0 * std::log(1.0 - Uniform()));
  return radius * std::cos(kTwoPi * Uniform());
}

uint64_t Rng::Below(uint64_t n) {
  AGON_CHECK(n > 0);
  const uint64_t limit = ~uint64_t{0} - ~uint64_t{0} % n;
  uint64_t x = Next64();
  while (x >= limit) x = Next64();
  return x % n;
}

int64_t Rng::Between(int64_t low, int64_t high) {
  AGON_CHECK(low <= high);
  // Unsigned, because high - low need not fit in int64_t.
  const uint64_t span = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
  const uint64_t offset = span == ~uint64_t{0} ? Next64() : Below(span + 1);
  return static_cast<int64_t>(static_cast<uint64_t>(low) + offset);
}

uint64_t Hash64(std::string_view bytes, uint64_t seed) {
  uint64_t hash = seed;
  for (unsigned char byte : bytes) hash = (hash ^ byte) * 0x100000001b3ull;
  return hash;
}

}  // namespace agon
