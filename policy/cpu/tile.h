// The one inner loop behind every matrix product: linear layers, their gradients, and
// attention.
//
// A "panel" holds 32 columns of the right operand, 128 bytes per reduction step:
//   panel[step][column][kPair]      (bf16: two successive k per column; fp32: one)
// An element of the result is acc = dot(acc, a[step], b[step]) for step = 0, 1, ... in
// that order and in one accumulator, whatever the number of rows done together: this
// is what makes a row's result independent of the batch it is in.
#pragma once

#include "policy/cpu/simd.h"

namespace agon::policy::cpu::AGON_ISA {

inline constexpr int kPanelColumns = 32;
inline constexpr int kPanelStepBytes = 128;

// Rows of accumulators that the register file holds beside two right-hand vectors.
#if defined(__AVX512F__)
inline constexpr int kTileRows = 12;
#elif defined(__AVX2__)
inline constexpr int kTileRows = 2;
#else
inline constexpr int kTileRows = 1;
#endif

// Left operand: rows `row_stride` bytes apart, steps `step_stride` bytes apart.
struct LeftOperand {
  const char* data;
  ptrdiff_t row_stride;
  ptrdiff_t step_stride;

  LeftOperand Row(ptrdiff_t row) const {
    return {data + row * row_stride, row_stride, step_stride};
  }
};

// A row-major matrix of T with `stride` elements per row.
template <typename T>
LeftOperand RowMajor(const T* data, ptrdiff_t stride) {
  return {reinterpret_cast<const char*>(data), stride * static_cast<ptrdiff_t>(sizeof(T)), 4};
}

// The columns of a panel as rows: the transpose.
inline LeftOperand PanelTransposed(const char* panel) { return {panel, 4, kPanelStepBytes}; }

#if defined(__AVX2__) && !defined(__AVX512F__)
// The same products in the same order, by name: GCC 12 keeps an array of 64-byte vectors in
// memory where registers are 32 bytes wide, and then waits for every sum to come back.
template <typename T, int kRows>
inline __attribute__((always_inline)) void Tile(const LeftOperand& left, const char* panel,
                                                int steps, F32x16 (&acc)[kRows][2]) {
  static_assert(kPair<T> == 1 && kRows * 4 + 4 < 16, "sums and right-hand vectors in registers");
  __m256 sum[kRows][4];
  std::memcpy(sum, acc, sizeof sum);
  const char* a = left.data;
  for (int step = 0; step < steps; ++step, a += left.step_stride, panel += kPanelStepBytes) {
    __m256 b[4];
    for (int i = 0; i < 4; ++i)
      b[i] = _mm256_loadu_ps(reinterpret_cast<const float*>(panel) + 8 * i);
#pragma GCC unroll 2
    for (int row = 0; row < kRows; ++row) {
      const __m256 x =
          _mm256_broadcast_ss(reinterpret_cast<const float*>(a + row * left.row_stride));
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) sum[row][i] = _mm256_fmadd_ps(x, b[i], sum[row][i]);
    }
  }
  std::memcpy(acc, sum, sizeof sum);
}
#else
template <typename T, int kRows>
inline __attribute__((always_inline)) void Tile(const LeftOperand& left, const char* panel,
                                                int steps, F32x16 (&acc)[kRows][2]) {
  const char* base[(kRows + 2) / 3];
#pragma GCC unroll 4
  for (int i = 0; i < (kRows + 2) / 3; ++i) base[i] = left.data + 3 * i * left.row_stride;
  const ptrdiff_t stride = left.row_stride;
  const ptrdiff_t step_stride = left.step_stride;
  for (int step = 0; step < steps; ++step) {
    const F32x16 b0 = LoadRaw(panel);
    const F32x16 b1 = LoadRaw(panel + 64);
    panel += kPanelStepBytes;
#pragma GCC unroll 12
    for (int row = 0; row < kRows; ++row) {
      const F32x16 a = Broadcast32(base[row / 3] + row % 3 * stride);
      acc[row][0] = Dot<T>(acc[row][0], a, b0);
      acc[row][1] = Dot<T>(acc[row][1], a, b1);
    }
#pragma GCC unroll 4
    for (int i = 0; i < (kRows + 2) / 3; ++i) base[i] += step_stride;
  }
}
#endif

// Splits `rows` into tiles of 12, 8, 4, 2 and 1 and calls body.operator()<kRows>(row).
template <typename Body>
inline void ForRowTiles(int rows, const Body& body) {
  int row = 0;
  if constexpr (kTileRows >= 12) {
    for (; rows - row >= 12; row += 12) body.template operator()<12>(row);
    if (rows - row >= 8) body.template operator()<8>(row), row += 8;
    if (rows - row >= 4) body.template operator()<4>(row), row += 4;
  }
  if constexpr (kTileRows >= 2) {
    for (; rows - row >= 2; row += 2) body.template operator()<2>(row);
  }
  for (; row < rows; ++row) body.template operator()<1>(row);
}

template <int kRows>
inline void ClearTile(F32x16 (&acc)[kRows][2]) {
  for (int row = 0; row < kRows; ++row) acc[row][0] = acc[row][1] = Zero();
}

}  // namespace agon::policy::cpu::AGON_ISA
