// Memory of one GPU, and the stream on which a backend's work is queued.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <string>

#include "policy/backend.h"

namespace agon::policy::cuda {

// The GPU that a backend computes on. Calls may come from any thread, one at a time.
class Gpu {
 public:
  // Throws kUnsupported if there is no GPU, driver or kernel for it, kUsage if there is no GPU of
  // this number.
  explicit Gpu(int index);
  ~Gpu();
  Gpu(const Gpu&) = delete;

  // Makes it the calling thread's device.
  void Use() const;
  cudaStream_t stream() const {
    Use();
    return stream_;
  }
  const std::string& name() const { return name_; }

  // Grows with every piece of memory that comes or goes: what holds addresses compares it.
  uint64_t generation() const { return generation_; }
  void MemoryChanged() const { ++generation_; }

 private:
  int index_;
  mutable uint64_t generation_ = 0;
  std::string name_;
  cudaStream_t stream_ = nullptr;
};

// GPUs that agon can compute on: 0 where there is none or no driver for it.
int CountGpus();
// All that CUDA shows.
int NumGpus();
// "" if there is none of that number.
std::string GpuName(int index);

class CudaMemory final : public DeviceMemory {
 public:
  CudaMemory(const Gpu& gpu, std::string purpose) : gpu_(gpu), purpose_(std::move(purpose)) {}
  ~CudaMemory() override;
  char* Get(size_t bytes) override;
  MemoryUse Use() const override { return {purpose_, static_cast<int64_t>(bytes_)}; }

 private:
  const Gpu& gpu_;
  std::string purpose_;
  char* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace agon::policy::cuda
