#include "policy/cuda/launch.h"

#include <cstdlib>
#include <string_view>

namespace agon::policy::cuda {

bool MayBeginEarly() {
  const char* setting = std::getenv("AGON_CUDA_OVERLAP");
  if (setting && std::string_view(setting) == "off") return false;
  int gpu = 0, major = 0;
  Check(cudaGetDevice(&gpu), "choice of the GPU");
  Check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, gpu),
        "choice of the GPU");
  return major >= 9;
}

}  // namespace agon::policy::cuda
