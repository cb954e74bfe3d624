#include "policy/finite.h"

#include <algorithm>
#include <vector>

namespace agon::policy {
namespace {

// All bits of the exponent set: infinite, or no number.
template <typename Bits, Bits kExponent>
bool AllFinite(Backend& backend, const void* values, int64_t count) {
  std::vector<Bits> bits(static_cast<size_t>(count));
  backend.Download(bits.data(), values, bits.size() * sizeof(Bits));
  return std::none_of(bits.begin(), bits.end(),
                      [](Bits b) { return (b & kExponent) == kExponent; });
}

}  // namespace

bool AreFloatsFinite(Backend& backend, const float* values, int64_t count) {
  return AllFinite<uint32_t, 0x7f800000>(backend, values, count);
}

bool IsFinite(Backend& backend, const void* values, int64_t count) {
  return backend.compute() == ComputeType::kBfloat16
             ? AllFinite<uint16_t, 0x7f80>(backend, values, count)
             : AreFloatsFinite(backend, static_cast<const float*>(values), count);
}

}  // namespace agon::policy
