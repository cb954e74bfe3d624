// The CUDA backend as a shared object of its own, loaded when it is asked for: cuBLASLt is half a
// gigabyte, and a command has to start on machines without a GPU. Private to policy.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "policy/backend.h"

namespace agon::policy {

// What the shared object offers. Functions throw Error; it is never unloaded.
struct CudaLibrary {
  // The first member for good. Differs whenever a header of policy did (cmake/cuda.cmake): what is
  // called are virtual functions by their place, which a shared object of another build may have
  // elsewhere.
  uint64_t interface;
  // GPUs that can be used; 0 where there is none, or no driver for it.
  int (*count_gpus)();
  // All that CUDA shows, usable or not.
  int (*num_gpus)();
  // What decides the bits of results there: "NVIDIA H100 80GB HBM3 with cuBLASLt 13.1.0". "" if
  // there is no GPU of that number.
  std::string (*gpu_arithmetic)(int gpu);
  // kAuto is bf16. Throws kUnsupported without a usable GPU or driver, kUsage if there is no GPU
  // of that number.
  std::unique_ptr<Backend> (*new_backend)(const ModelConfig& config, ComputeType compute, int gpu,
                                          const Room& room);
  std::unique_ptr<Arena> (*new_arena)(int gpu, const std::vector<MemoryUse>& uses);
};

// Loads it: from the file that the environment variable AGON_CUDA_LIBRARY names, else from
// ../lib/libagon_cuda.so beside the program. A program that is linked with the backend has it
// already. Throws kUnsupported if this build has none, what it needs isn't installed, or it is
// another build's.
const CudaLibrary& LoadCudaLibrary();

}  // namespace agon::policy

// The shared object's only symbol.
extern "C" const agon::policy::CudaLibrary* AgonCudaLibrary();
