// Kernels that begin while the one before them ends (programmatic dependent launch, sm_90).
//
// Between two kernels of a stream a GPU stands still for about a microsecond, which is long beside
// the kernels of a decoded token. One that LaunchInChain starts may begin as soon as all blocks of
// the kernel before have begun, and calls WaitForKernelBefore in every thread before it touches
// anything but weights; then it does just what it would have done.
#pragma once

#ifndef __CUDACC__
#include <cuda_chain.h>  // the emulator's
#else

#include <cuda_runtime.h>

// Until the kernel before has ended, and all before that; its results are seen then. Lets the next
// kernel begin.
__device__ inline void WaitForKernelBefore() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" : : : "memory");
  asm volatile("griddepcontrol.launch_dependents;" : : : "memory");
#endif
}

#endif
