// A warp's products of small matrices on tensor cores: bf16 factors, fp32 sums; and copies to
// shared memory that don't hold up who begins them. The one place with inline PTX.
//
// All 32 lanes call MultiplyAdd and LoadMatrices together. The layout is PTX's of mma.m16n8k16;
// with g = lane / 4 and t = lane % 4, a lane holds
// clang-format off
//   of a left factor, 16 x 16:  x[0] (g, 2t), x[1] (g + 8, 2t), x[2] (g, 2t + 8), x[3] (g + 8, 2t + 8),
//   of a right factor, 16 x 8:  x[0] (2t, g), x[1] (2t + 8, g),
//   of a sum, 16 x 8:           x[0] (g, 2t), x[1] (g, 2t + 1), x[2] (g + 8, 2t), x[3] (g + 8, 2t + 1).
// clang-format on
// An element of a factor is a pair: the named one in its lower half and the next along the 16 that
// are summed over in its upper half.
//
// Hardware promises no order of a sum, so nothing may depend on it; all that is relied on is that
// equal factors give equal sums wherever in a matrix they stand.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>

#include "policy/cuda/shared_memory.h"

namespace agon::policy::cuda {

struct LeftMatrix {
  uint32_t x[4];
};
struct RightMatrix {
  uint32_t x[2];
};
struct SumMatrix {
  float x[4];
};

}  // namespace agon::policy::cuda

#ifndef __CUDACC__
#include <cuda_tensor_core.h>  // the emulator's
#else

// sum += left right.
__device__ inline void MultiplyAdd(const uint32_t (&left)[4], const uint32_t (&right)[2],
                                   float (&sum)[4]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]), "r"(right[0]), "r"(right[1]));
}

// Four 8 x 8 matrices, whose row r of matrix m begins at the element that lane 8 m + r names, a
// multiple of 8. x[m] is elements (g, 2t) and (g, 2t + 1) of matrix m, transposed (2t, g) and
// (2t + 1, g).
template <bool kTransposed>
__device__ inline void LoadMatrices(const DynamicShared<__nv_bfloat16>& from, int row_begin,
                                    uint32_t (&x)[4]) {
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(&from[row_begin]));
  if constexpr (kTransposed) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3])
                 : "r"(address)
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3])
                 : "r"(address)
                 : "memory");
  }
}

// The fast path for what is read ahead (cp.async, sm_80): copies from global to shared memory that
// go on while the thread computes. Nobody may read or write there before the thread's
// WaitForCopies, other threads not before a barrier after it. Zeros if !is_there; `from` is an
// address that could be read in any case.
//
// Eight elements, from multiples of 8 on.
__device__ inline void CopyToShared8(const DynamicShared<__nv_bfloat16>& to, int at,
                                     const __nv_bfloat16* from, bool is_there) {
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(&to[at]));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
               :
               : "r"(address), "l"(from), "r"(is_there ? 16 : 0)
               : "memory");
}

__device__ inline void CopyToShared(const DynamicShared<float>& to, int at, const float* from,
                                    bool is_there) {
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(&to[at]));
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;"
               :
               : "r"(address), "l"(from), "r"(is_there ? 4 : 0)
               : "memory");
}

// For all copies that the thread began.
__device__ inline void WaitForCopies() { asm volatile("cp.async.wait_all;" : : : "memory"); }

// Copies begun since the last call are a group, which may have none.
__device__ inline void CommitCopies() { asm volatile("cp.async.commit_group;" : : : "memory"); }
// For all groups of the thread but the last kPending.
template <int kPending>
__device__ inline void WaitForCopies() {
  asm volatile("cp.async.wait_group %0;" : : "n"(kPending) : "memory");
}

#endif
