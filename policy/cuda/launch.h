// How the host starts kernels: the one place, for nvcc and for the emulator alike.
//
// cudaLaunchKernelEx is an ordinary typed function, so that kernel files need no <<<>>> and
// compile with any C++ compiler (docs/adr/0012-cuda-emulator.md).
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/error.h"

namespace agon::policy::cuda {

// Throws kFailed with what CUDA says and the op that it happened in.
inline void Check(cudaError_t error, const char* op) {
  if (error == cudaSuccess) return;
  throw Error(
      ErrorKind::kFailed, std::string("CUDA: ") + cudaGetErrorString(error), op,
      error == cudaErrorMemoryAllocation
          ? "lower the tokens per micro-batch, the rows decoded at once, or the model preset"
          : "");
}

// Blocks of `threads` each; `shared_bytes` of dynamic shared memory for each block.
struct Shape {
  dim3 grid;
  unsigned threads;
  size_t shared_bytes = 0;
};

inline unsigned NumBlocks(int64_t count, int64_t per_block) {
  return static_cast<unsigned>((count + per_block - 1) / per_block);
}

// Whether kernels may begin before the one before them has ended: on the thread's GPU, where they
// were compiled for compute capability 9.0 or later, unless AGON_CUDA_OVERLAP=off is in the
// environment.
bool MayBeginEarly();

// Queues `kernel` on `stream` as Launch and LaunchInChain say.
template <typename... Parameters, typename... Arguments>
void Queue(const char* op, const Shape& shape, bool begins_early, cudaStream_t stream,
           void (*kernel)(Parameters...), Arguments... arguments) {
  if (shape.grid.x == 0 || shape.grid.y == 0 || shape.grid.z == 0) return;
  constexpr size_t kWithoutAsking = 48 << 10;
  if (shape.shared_bytes > kWithoutAsking) {
    Check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(shape.shared_bytes)),
          op);
  }
  cudaLaunchConfig_t config{};
  config.gridDim = shape.grid;
  config.blockDim = dim3(shape.threads);
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = stream;
  cudaLaunchAttribute early{};
  early.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  early.val.programmaticStreamSerializationAllowed = 1;
  config.attrs = &early;
  config.numAttrs = begins_early ? 1 : 0;
  Check(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...), op);
}

// Queues `kernel` on `stream`. An empty grid is no work. Throws what CUDA refuses, naming `op`.
template <typename... Parameters, typename... Arguments>
void Launch(const char* op, const Shape& shape, cudaStream_t stream, void (*kernel)(Parameters...),
            Arguments... arguments) {
  Queue(op, shape, false, stream, kernel, arguments...);
}

// The same for a kernel that waits for the one before by itself (chain.h).
template <typename... Parameters, typename... Arguments>
void LaunchInChain(const char* op, const Shape& shape, cudaStream_t stream,
                   void (*kernel)(Parameters...), Arguments... arguments) {
  Queue(op, shape, MayBeginEarly(), stream, kernel, arguments...);
}

}  // namespace agon::policy::cuda
