// What nvcc made of the kernels that run on the thread's GPU.
#pragma once

#include <cuda_runtime.h>

namespace agon::policy::cuda {

// `version` becomes the compute capability that they were compiled for, 90 for 9.0; a driver that
// translates PTX may have made it from an earlier one's. Or what CUDA says where there are none.
cudaError_t KernelCode(int* version);

}  // namespace agon::policy::cuda
