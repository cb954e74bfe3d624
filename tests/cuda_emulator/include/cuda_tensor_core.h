// The warp-wide matrix instructions and the copies of policy/cuda/tensor_core.h, with the layout
// that it names.
#pragma once

#include <cuda_bf16.h>
#include <cuda_shared_memory.h>

#include <cstdint>

#include "tests/cuda_emulator/matrix_product.h"

inline void MultiplyAdd(const uint32_t (&left)[4], const uint32_t (&right)[2], float (&sum)[4],
                        const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  cuda_emulator::MatrixOperands operands{left, right, sum};
  cuda_emulator::Block::Current().Together(cuda_emulator::MultiplyMatrices, &operands,
                                           {file, line});
}

// Each lane reads what comes to it, so that every element is checked as its own.
template <bool kTransposed>
void LoadMatrices(const DynamicShared<__nv_bfloat16>& from, int row_begin, uint32_t (&x)[4],
                  const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  from.CheckAligned(row_begin);
  cuda_emulator::MatrixRows rows{row_begin, {}};
  auto& block = cuda_emulator::Block::Current();
  block.Together(cuda_emulator::ShareMatrixRows, &rows, {file, line});
  const int lane = block.thread() % 32, g = lane / 4, t = lane % 4;
  const auto element = [&](int matrix, int row, int column) {
    const __nv_bfloat16 value = from[rows.begins[8 * matrix + row] + column];
    return static_cast<uint32_t>(value.bits);
  };
  for (int m = 0; m < 4; ++m) {
    x[m] = kTransposed ? element(m, 2 * t, g) | element(m, 2 * t + 1, g) << 16
                       : element(m, g, 2 * t) | element(m, g, 2 * t + 1) << 16;
  }
}

inline void CopyToShared8(const DynamicShared<__nv_bfloat16>& to, int at, const __nv_bfloat16* from,
                          bool is_there) {
  to.CheckAligned(at);
  if (is_there) cuda_emulator::CheckAligned<16>(from);
  to.BeginCopy(at, 8, is_there ? from : nullptr);
}

inline void CopyToShared(const DynamicShared<float>& to, int at, const float* from, bool is_there) {
  to.BeginCopy(at, 1, is_there ? from : nullptr);
}

inline void WaitForCopies() { cuda_emulator::Block::Current().WaitForCopies(); }
inline void CommitCopies() { cuda_emulator::Block::Current().CommitCopies(); }
template <int kPending>
void WaitForCopies() {
  cuda_emulator::Block::Current().WaitForCopyGroups(kPending);
}
