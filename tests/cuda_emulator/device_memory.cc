#include "tests/cuda_emulator/device_memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/cuda_emulator/block.h"
#include "tests/cuda_emulator/device.h"
#include "tests/cuda_emulator/sanitizer.h"

namespace cuda_emulator {
namespace {

#ifdef CUDA_EMULATOR_ASAN
constexpr size_t kGuardBytes = 0;
#else
constexpr size_t kGuardBytes = 256;
#endif
constexpr unsigned char kGuard = 0xA5, kPoison = 0xFF;
constexpr size_t kAlignment = 256;  // what cudaMalloc promises

bool IsGuard(const char* begin) {
  return std::all_of(begin, begin + kGuardBytes,
                     [](char c) { return static_cast<unsigned char>(c) == kGuard; });
}

}  // namespace

DeviceMemory& DeviceMemory::Instance() { return OfCurrentGpu<DeviceMemory>(); }

void* DeviceMemory::Allocate(size_t bytes) {
  void* p = nullptr;
  if (::posix_memalign(&p, kAlignment, bytes + 2 * kGuardBytes) != 0) return nullptr;
  char* const start = static_cast<char*>(p) + kGuardBytes;
  std::memset(p, kGuard, kGuardBytes);
  std::memset(start, kPoison, bytes);
  std::memset(start + bytes, kGuard, kGuardBytes);
  allocations_[start] = bytes;
  bytes_ += bytes;
  return start;
}

bool DeviceMemory::Free(void* p) {
  const auto found = allocations_.find(static_cast<char*>(p));
  if (found == allocations_.end()) return false;
  bytes_ -= found->second;
  std::free(const_cast<char*>(found->first) - kGuardBytes);
  allocations_.erase(found);
  return true;
}

bool DeviceMemory::Holds(const void* p, size_t bytes) const {
  const char* begin = static_cast<const char*>(p);
  auto next = allocations_.upper_bound(begin);
  if (next == allocations_.begin()) return false;
  --next;
  return begin + bytes <= next->first + next->second;
}

void DeviceMemory::CheckGuards() const {
  for (const auto& [start, bytes] : allocations_) {
    const bool before = IsGuard(start - kGuardBytes), after = IsGuard(start + bytes);
    if (before && after) continue;
    throw Fault("a kernel wrote " + std::string(before ? "behind the end" : "before the start") +
                " of an allocation of " + std::to_string(bytes) + " bytes");
  }
}

}  // namespace cuda_emulator
