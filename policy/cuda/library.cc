// What libagon_cuda.so offers (policy/cuda_library.h).
#include "policy/cuda_library.h"

#include "policy/cuda/arena.h"
#include "policy/cuda/cuda_backend.h"

extern "C" const agon::policy::CudaLibrary* AgonCudaLibrary() {
  namespace policy = agon::policy;
  static const policy::CudaLibrary library{
      .interface = AGON_CUDA_INTERFACE,
      .count_gpus = policy::cuda::CountGpus,
      .num_gpus = policy::cuda::NumGpus,
      .gpu_name = policy::cuda::GpuName,
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
