#include "policy/cuda/kernel_code.h"

#include <cstdlib>
#include <string_view>

#include "policy/cuda/launch.h"

namespace agon::policy::cuda {
namespace {

__global__ void AnyKernel() {}

}  // namespace

cudaError_t KernelCode(int* version) {
  cudaFuncAttributes attributes{};
  const cudaError_t error = cudaFuncGetAttributes(&attributes, AnyKernel);
  *version = attributes.ptxVersion;
  return error;
}

bool MayBeginEarly() {
  const char* setting = std::getenv("AGON_CUDA_OVERLAP");
  if (setting && std::string_view(setting) == "off") return false;
  int version = 0;
  Check(KernelCode(&version), "kernels of the GPU");
  return version >= 90;
}

}  // namespace agon::policy::cuda
