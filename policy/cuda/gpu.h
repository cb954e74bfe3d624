// One GPU, and the stream on which a backend's work is queued.
#pragma once

#include <cuda_runtime.h>

#include <string>

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
  int index() const { return index_; }
  const std::string& name() const { return name_; }
  size_t cache_bytes() const { return cache_bytes_; }  // of the L2 cache

 private:
  int index_;
  std::string name_;
  size_t cache_bytes_ = 0;
  cudaStream_t stream_ = nullptr;
};

// GPUs that agon can compute on: 0 where there is none or no driver for it.
int CountGpus();
// All that CUDA shows.
int NumGpus();
// "" if there is none of that number.
std::string GpuName(int index);

}  // namespace agon::policy::cuda
