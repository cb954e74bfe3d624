// One allocation of a GPU's memory, in which each policy has a block.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "policy/backend.h"
#include "policy/cuda/gpu.h"
#include "policy/cuda/region.h"

namespace agon::policy::cuda {

// Of these uses, each rounded up to what a piece takes.
size_t SumOf(const std::vector<MemoryUse>& uses);

// Says that so much for `what` was asked for in vain, what is free, and what lowers `purpose`.
[[noreturn]] void ThrowNoRoom(const Gpu& gpu, const std::string& what, size_t bytes,
                              const std::string& purpose);

class CudaArena final : public Arena {
 public:
  // As NewArena.
  CudaArena(int gpu, const std::vector<MemoryUse>& uses);
  ~CudaArena() override;
  int64_t bytes() const override { return static_cast<int64_t>(bytes_); }

  // Throws kFailed, naming the largest use, if there is no room left.
  char* Take(const std::vector<MemoryUse>& uses);
  // Nothing that was queued may still use it.
  void Give(const char* block) { region_.Give(block); }

 private:
  const Gpu gpu_;
  const size_t bytes_;
  char* const data_;
  Region region_;
};

}  // namespace agon::policy::cuda
