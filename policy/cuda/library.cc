// What libagon_cuda.so offers (policy/cuda_library.h).
#include "policy/cuda_library.h"

#include <cublasLt.h>

#include "policy/cuda/arena.h"
#include "policy/cuda/cuda_backend.h"

namespace agon::policy::cuda {
namespace {

std::string GpuArithmetic(int gpu) {
  const std::string name = GpuName(gpu);
  if (name.empty()) return "";
  const size_t version = cublasLtGetVersion();  // 10000 major + 100 minor + patch
  return name + " with cuBLASLt " + std::to_string(version / 10000) + "." +
         std::to_string(version / 100 % 100) + "." + std::to_string(version % 100);
}

}  // namespace
}  // namespace agon::policy::cuda

extern "C" const agon::policy::CudaLibrary* AgonCudaLibrary() {
  namespace policy = agon::policy;
  static const policy::CudaLibrary library{
      .interface = AGON_CUDA_INTERFACE,
      .count_gpus = policy::cuda::CountGpus,
      .num_gpus = policy::cuda::NumGpus,
      .gpu_arithmetic = policy::cuda::GpuArithmetic,
      .new_backend = [](const policy::ModelConfig& config, policy::ComputeType compute, int gpu,
                        const policy::Room& room) -> std::unique_ptr<policy::Backend> {
        return std::make_unique<policy::cuda::CudaBackend>(config, compute, gpu, room);
      },
      .new_arena = [](int gpu, const std::vector<policy::MemoryUse>& uses)
          -> std::unique_ptr<policy::Arena> {
        return std::make_unique<policy::cuda::CudaArena>(gpu, uses);
      }};
  return &library;
}
