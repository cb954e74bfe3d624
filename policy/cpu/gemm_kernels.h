// Linear layers: packing of weights, the product with its epilogues, and the weight
// gradient. All serial; the backend deals row and panel ranges to threads.
#pragma once

#include <type_traits>

#include "policy/cpu/kernels.h"
#include "policy/cpu/tile.h"

namespace agon::policy::cpu::AGON_ISA {

template <typename T>
inline void StoreElement(T* p, float x) {
  if constexpr (sizeof(T) == 2) {
    // Round to nearest even, as the vector conversion does.
    uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    const bool nan = (bits & 0x7fffffff) > 0x7f800000;
    bits = nan ? 0x7fc00000 : bits + 0x7fff + (bits >> 16 & 1);
    p->bits = static_cast<uint16_t>(bits >> 16);
  } else {
    *p = x;
  }
}

// Row of the weight matrix that packed output column n stands for. In a gated layer
// sixteen gate rows and sixteen up rows alternate, so that one tile holds both.
inline int WeightRow(int n, int glu_half) {
  if (glu_half == 0) return n;
  return n / 32 * 16 + n % 16 + (n % 32 >= 16 ? glu_half : 0);
}

// Panels [panel_begin, panel_end) of w (n, k) fp32 for x -> y, its columns scaled by gain (k)
// if given; rows beyond n are zero. `rounded` T (n rounded up to 32, k) receives the same
// rows row-major: packed by PackRows they serve dy -> dx.
template <typename T>
void PackLinear(const float* w, const float* gain, int n, int k, int glu_half, int panel_begin,
                int panel_end, void* rounded, void* forward) {
  const int steps = k / kPair<T>;
  for (int col = panel_begin * 32; col < panel_end * 32; ++col) {
    T* row = static_cast<T*>(rounded) + static_cast<ptrdiff_t>(col) * k;
    const float* in = w + static_cast<ptrdiff_t>(WeightRow(col, glu_half)) * k;
    for (int i = 0; i < k; i += 16) {
      F32x16 x = col < n ? Load(in + i) : Zero();
      if (gain) x = x * Load(gain + i);
      Store(row + i, x);
    }
    char* out = static_cast<char*>(forward) +
                static_cast<ptrdiff_t>(col / 32) * steps * kPanelStepBytes + col % 32 * 4;
    const char* source = reinterpret_cast<const char*>(row);
    for (int step = 0; step < steps; ++step) {
      std::memcpy(out + static_cast<ptrdiff_t>(step) * kPanelStepBytes, source + step * 4, 4);
    }
  }
}

// Columns [0, cols) of a row-major (rows, cols) matrix to panels whose reduction runs over
// the rows, rounded up to an even number with zeros: panels[cols / 32][steps][32][pair].
template <typename T>
void PackRows(const void* source, int64_t stride, int rows, int cols, int panel_begin,
              int panel_end, void* panels) {
  const T* src = static_cast<const T*>(source);
  constexpr int pair = kPair<T>;
  const int steps = (rows + pair - 1) / pair;
  for (int panel = panel_begin; panel < panel_end; ++panel) {
    char* out = static_cast<char*>(panels) + static_cast<ptrdiff_t>(panel) * steps * 128;
    const int width = cols - panel * 32 < 32 ? cols - panel * 32 : 32;
    for (int step = 0; step < steps; ++step, out += 128) {
      const T* row0 = src + static_cast<int64_t>(step) * pair * stride + panel * 32;
#if defined(__AVX512BF16__)
      if constexpr (sizeof(T) == 2) {
        if (width == 32 && step * 2 + 1 < rows) {
          const __m512i order =
              _mm512_set_epi16(63, 31, 62, 30, 61, 29, 60, 28, 59, 27, 58, 26, 57, 25, 56, 24, 55,
                               23, 54, 22, 53, 21, 52, 20, 51, 19, 50, 18, 49, 17, 48, 16);
          const __m512i order_low = _mm512_sub_epi16(order, _mm512_set1_epi16(16));
          const __m512i x0 = _mm512_loadu_si512(row0);
          const __m512i x1 = _mm512_loadu_si512(row0 + stride);
          _mm512_storeu_si512(out, _mm512_permutex2var_epi16(x0, order_low, x1));
          _mm512_storeu_si512(out + 64, _mm512_permutex2var_epi16(x0, order, x1));
          continue;
        }
      }
#endif
      T values[32 * pair] = {};
      for (int j = 0; j < pair && step * pair + j < rows; ++j) {
        for (int c = 0; c < width; ++c) values[c * pair + j] = row0[j * stride + c];
      }
      std::memcpy(out, values, 128);
    }
  }
}

// Asks for the 32 columns at `p`, so that they are there when the tile that ends in them is.
template <typename E>
inline void PrefetchColumns(E* p) {
  constexpr bool kWrite = !std::is_const_v<E>;
  __builtin_prefetch(p, kWrite);
  if constexpr (sizeof(E) == 4) __builtin_prefetch(p + 16, kWrite);
}

template <typename T, Epilogue kEpilogue, int kRows>
inline void Finish(const F32x16 (&acc)[kRows][2], int row, int column, const EpilogueArgs& args) {
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
    const int64_t at = (row + r) * args.stride + column;
    if constexpr (kEpilogue == Epilogue::kStore) {
      T* out = static_cast<T*>(args.out) + at;
      Store(out, acc[r][0]);
      Store(out + 16, acc[r][1]);
    } else if constexpr (kEpilogue == Epilogue::kStoreFloat) {
      float* out = static_cast<float*>(args.out) + at;
      Store(out, acc[r][0]);
      Store(out + 16, acc[r][1]);
    } else if constexpr (kEpilogue == Epilogue::kAddFloat) {
      float* out = static_cast<float*>(args.out) + at;
      Store(out, Load(out) + acc[r][0]);
      Store(out + 16, Load(out + 16) + acc[r][1]);
    } else if constexpr (kEpilogue == Epilogue::kSwiGlu) {
      // Columns 0..15 are gates, 16..31 the ups of the same units.
      T* gate_up = static_cast<T*>(args.out) + at;
      Store(gate_up, acc[r][0]);
      Store(gate_up + 16, acc[r][1]);
      T* activation = static_cast<T*>(args.out2) + at / 2;
      Store(activation, acc[r][0] * Sigmoid(acc[r][0]) * acc[r][1]);
    } else {
      static_assert(kEpilogue == Epilogue::kSwiGluBackward);
      const T* gate_up = static_cast<const T*>(args.input) + 2 * at;
      T* d_gate_up = static_cast<T*>(args.out) + 2 * at;
      for (int half = 0; half < 2; ++half) {
        const F32x16 gate = Load(gate_up + 32 * half);
        const F32x16 up = Load(gate_up + 32 * half + 16);
        const F32x16 sigmoid = Sigmoid(gate);
        const F32x16 d = acc[r][half];
        Store(d_gate_up + 32 * half,
              d * up * sigmoid * (Set1(1.0f) + gate * (Set1(1.0f) - sigmoid)));
        Store(d_gate_up + 32 * half + 16, d * gate * sigmoid);
      }
    }
  }
}

// Shorter products write little, and to lines that are near: asking costs more than it saves.
inline constexpr int kPrefetchSteps = 256;

// What Finish will touch of the tile at (row, column).
template <typename T, Epilogue kEpilogue, int kRows>
inline void Prefetch(int row, int column, const EpilogueArgs& args) {
  using Element =
      std::conditional_t<kEpilogue == Epilogue::kStoreFloat || kEpilogue == Epilogue::kAddFloat,
                         float, T>;
  constexpr int kWidth = kEpilogue == Epilogue::kSwiGluBackward ? 2 : 1;
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
    const int64_t at = kWidth * ((row + r) * args.stride + column);
    for (int i = 0; i < kWidth; ++i) {
      PrefetchColumns(static_cast<Element*>(args.out) + at + 32 * i);
      if constexpr (kEpilogue == Epilogue::kSwiGluBackward) {
        PrefetchColumns(static_cast<const T*>(args.input) + at + 32 * i);
      }
    }
  }
}

template <typename T, Epilogue kEpilogue>
void GemmRange(const T* a, int64_t a_stride, int row_begin, int row_end, int k, const char* panels,
               int panel_begin, int panel_end, const EpilogueArgs& args) {
  const int steps = k / kPair<T>;
  // Rows of `a` that stay in the second-level cache while all panels pass by.
  int block = static_cast<int>(384 * 1024 / (static_cast<int64_t>(k) * sizeof(T)) / 12 * 12);
  block = block < 12 ? 12 : block > 480 ? 480 : block;
  for (int begin = row_begin; begin < row_end; begin += block) {
    const int rows = row_end - begin < block ? row_end - begin : block;
    const LeftOperand left = RowMajor(a + begin * a_stride, a_stride);
    for (int panel = panel_begin; panel < panel_end; ++panel) {
      const char* b = panels + static_cast<ptrdiff_t>(panel) * steps * kPanelStepBytes;
      ForRowTiles(rows, [&]<int kRows>(int row) {
        if (steps >= kPrefetchSteps) {
          Prefetch<T, kEpilogue, kRows>(begin + row, panel * 32, args);
        }
        F32x16 acc[kRows][2];
        ClearTile(acc);
        Tile<T, kRows>(left.Row(row), b, steps, acc);
        Finish<T, kEpilogue, kRows>(acc, begin + row, panel * 32, args);
      });
    }
  }
}

// y = a (rows, k) times panels, finished as `args.kind` says.
template <typename T>
void Gemm(const void* a, int64_t a_stride, int row_begin, int row_end, int k, const void* panels,
          int panel_begin, int panel_end, const EpilogueArgs& args) {
  const T* left = static_cast<const T*>(a);
  const char* right = static_cast<const char*>(panels);
  const auto run = [&]<Epilogue kEpilogue>() {
    GemmRange<T, kEpilogue>(left, a_stride, row_begin, row_end, k, right, panel_begin, panel_end,
                            args);
  };
  switch (args.kind) {
    case Epilogue::kStore:
      return run.template operator()<Epilogue::kStore>();
    case Epilogue::kStoreFloat:
      return run.template operator()<Epilogue::kStoreFloat>();
    case Epilogue::kAddFloat:
      return run.template operator()<Epilogue::kAddFloat>();
    case Epilogue::kSwiGlu:
      return run.template operator()<Epilogue::kSwiGlu>();
    case Epilogue::kSwiGluBackward:
      return run.template operator()<Epilogue::kSwiGluBackward>();
  }
}

// dw (n, k) += dy^T x over `rows` tokens, both operands packed by PackRows. Computes the
// 32 rows of dw of one panel of dy.
template <typename T>
void GemmTransposed(const void* dy_panels, const void* x_panels, int rows, int dy_panel, int n,
                    int k, int glu_half, float* dw) {
  const int steps = (rows + kPair<T> - 1) / kPair<T>;
  constexpr int kBlockSteps = 256;  // 32 KiB of each operand at a time
  const char* left = static_cast<const char*>(dy_panels) +
                     static_cast<ptrdiff_t>(dy_panel) * steps * kPanelStepBytes;
  const int valid = n - dy_panel * 32 < 32 ? n - dy_panel * 32 : 32;
  for (int begin = 0; begin < steps; begin += kBlockSteps) {
    const int count = steps - begin < kBlockSteps ? steps - begin : kBlockSteps;
    const LeftOperand block =
        PanelTransposed(left + static_cast<ptrdiff_t>(begin) * kPanelStepBytes);
    for (int panel = 0; panel < k / 32; ++panel) {
      const char* b = static_cast<const char*>(x_panels) +
                      (static_cast<ptrdiff_t>(panel) * steps + begin) * kPanelStepBytes;
      ForRowTiles(valid, [&]<int kRows>(int row) {
        const auto out_row = [&](int r) {
          const int weight_row = WeightRow(dy_panel * 32 + row + r, glu_half);
          return dw + static_cast<ptrdiff_t>(weight_row) * k + panel * 32;
        };
#pragma GCC unroll 12
        for (int r = 0; r < kRows; ++r) PrefetchColumns(out_row(r));
        F32x16 acc[kRows][2];
        ClearTile(acc);
        Tile<T, kRows>(block.Row(row), b, count, acc);
#pragma GCC unroll 12
        for (int r = 0; r < kRows; ++r) {
          float* out = out_row(r);
          Store(out, Load(out) + acc[r][0]);
          Store(out + 16, Load(out + 16) + acc[r][1]);
        }
      });
    }
  }
}

}  // namespace agon::policy::cpu::AGON_ISA
