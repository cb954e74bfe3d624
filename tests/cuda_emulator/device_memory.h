// An emulated GPU's memory: the host's heap, told apart from the rest of it.
#pragma once

#include <cstddef>
#include <map>

namespace cuda_emulator {

class DeviceMemory {
 public:
  static DeviceMemory& Instance();  // the current GPU's

  // Poisoned: floats are NaN, integers -1. nullptr if there is no room.
  void* Allocate(size_t bytes);
  // False if `p` isn't the start of an allocation.
  bool Free(void* p);
  // Do [p, p + bytes) lie inside one allocation?
  bool Holds(const void* p, size_t bytes) const;
  // Throws Fault if something was written beside an allocation. AddressSanitizer does better
  // where it is on: it catches reads, too, and where they happen.
  void CheckGuards() const;
  size_t bytes() const { return bytes_; }

 private:
  std::map<const char*, size_t> allocations_;  // start -> bytes
  size_t bytes_ = 0;
};

}  // namespace cuda_emulator
