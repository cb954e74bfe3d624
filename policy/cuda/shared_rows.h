// Rows of bf16 in shared memory as factors of products on tensor cores.
#pragma once

#include "policy/cuda/device.h"
#include "policy/cuda/tensor_core.h"

namespace agon::policy::cuda {

inline constexpr int kMatrix = 16;  // rows of a left factor, and what one product sums over
inline constexpr int kColumns = 8;  // of a right factor

// The lane's place in a sum: rows Row() and Row() + 8, columns Column() and the next.
__device__ inline int FragmentRow() { return static_cast<int>(threadIdx.x) % kWarp / 4; }
__device__ inline int FragmentColumn() { return static_cast<int>(threadIdx.x) % 4 * 2; }

// Over the four lanes that share rows of a sum; the same bits in each.
__device__ inline float QuadSum(float x) {
  x += __shfl_xor_sync(kAllLanes, x, 1);
  return x + __shfl_xor_sync(kAllLanes, x, 2);
}

__device__ inline float QuadMax(float x) {
  x = fmaxf(x, __shfl_xor_sync(kAllLanes, x, 1));
  return fmaxf(x, __shfl_xor_sync(kAllLanes, x, 2));
}

// Two sums side by side, rounded, as a left factor: its columns are the sums'.
__device__ inline LeftMatrix RoundedToLeft(const SumMatrix& a, const SumMatrix& b) {
  return {{PackBf16(a.x[0], a.x[1]), PackBf16(a.x[2], a.x[3]), PackBf16(b.x[0], b.x[1]),
           PackBf16(b.x[2], b.x[3])}};
}

// 16 rows of global memory as left factors, of which the lane reads `row` and `row_8`, eight rows
// on; nullptr is a row of zeros.
template <int kHeadDim>
__device__ inline void LoadLeft(const Bf16* row, const Bf16* row_8,
                                LeftMatrix (&left)[kHeadDim / kMatrix]) {
  const int column = FragmentColumn();
#pragma unroll
  for (int k = 0; k < kHeadDim / kMatrix; ++k) {
    const int at = k * kMatrix + column;
    left[k].x[0] = row ? Load2(row + at) : 0;
    left[k].x[1] = row_8 ? Load2(row_8 + at) : 0;
    left[k].x[2] = row ? Load2(row + at + 8) : 0;
    left[k].x[3] = row_8 ? Load2(row_8 + at + 8) : 0;
  }
}

template <int kRows, int kHeadDim>
class SharedRows {
 public:
  // Eight rows' beginnings lie in different banks.
  static constexpr int kStride = kHeadDim + 8;
  static constexpr int64_t kBytes = int64_t{kRows} * kStride * 2;

  // At `offset_bytes`, a multiple of 16, of dynamic shared memory.
  __device__ explicit SharedRows(int64_t offset_bytes) : values_(offset_bytes, kRows * kStride) {}

  // Row r becomes what row_at(r) points to, from `count` on zero, once those who called have waited
  // for their copies. `thread` of `num_threads` threads calls it.
  template <typename RowAt>
  __device__ void Load(const RowAt& row_at, int count, int thread, int num_threads) const {
#pragma unroll 1
    for (int i = thread * 8; i < kRows * kHeadDim; i += num_threads * 8) {
      const int row = i / kHeadDim, at = i % kHeadDim;
      const bool is_there = row < count;
      Copy8(row, at, is_there ? row_at(row) + at : row_at(0), is_there);
    }
  }
  // CopyToShared8 to (row, column) and the seven next to it.
  __device__ void Copy8(int row, int column, const Bf16* from, bool is_there) const {
    CopyToShared8(values_, row * kStride + column, from, is_there);
  }

  // The 16 x 16 from (row, column) on.
  __device__ LeftMatrix Left(int row, int column) const {
    LeftMatrix left;
    LoadMatrices<false>(values_, Begin(row + Low(), column + High()), left.x);
    return left;
  }

  // two[i]: 16 x 8, whose column n is row `row` + 8 i + n here, from `column` on.
  __device__ void RightOfRows(int row, int column, RightMatrix (&two)[2]) const {
    uint32_t x[4];
    LoadMatrices<false>(values_, Begin(row + High(), column + Low()), x);
    two[0] = {{x[0], x[1]}};
    two[1] = {{x[2], x[3]}};
  }

  // two[i]: the 16 x 8 from (row, column + 8 i) on.
  __device__ void Right(int row, int column, RightMatrix (&two)[2]) const {
    uint32_t x[4];
    LoadMatrices<true>(values_, Begin(row + Low(), column + High()), x);
    two[0] = {{x[0], x[1]}};
    two[1] = {{x[2], x[3]}};
  }

 private:
  // Lane 8 m + r names row r of matrix m: where matrices 1 and 3 lie 8 on, and 2 and 3.
  __device__ static int Low() { return static_cast<int>(threadIdx.x) / 8 % 2 * 8; }
  __device__ static int High() { return static_cast<int>(threadIdx.x) % kWarp / 16 * 8; }
  __device__ static int Begin(int row, int column) {
    return (row + static_cast<int>(threadIdx.x) % 8) * kStride + column;
  }

  DynamicShared<Bf16> values_;
};

// Keys [0, num_keys), kRows at a time, with their values: the next ones are on their way while some
// are computed with.
template <int kRows, int kHeadDim>
struct KeyBlocks {
  using Shared = SharedRows<kRows, kHeadDim>;
  static constexpr size_t kBytes = 4 * Shared::kBytes;

  // All threads of the block call it, compute(keys, values, begin) for each begin in turn. Rows are
  // what key_at(j) and value_at(j) point to, zeros from num_keys on.
  template <int kThreads, typename KeyAt, typename ValueAt, typename Compute>
  static __device__ void Walk(int num_keys, const KeyAt& key_at, const ValueAt& value_at,
                              const Compute& compute) {
    const auto keys = [](int place) { return Shared(2 * place * Shared::kBytes); };
    const auto values = [](int place) { return Shared((2 * place + 1) * Shared::kBytes); };
    const auto load = [&](int begin, int place) {
      const int count = num_keys - begin, thread = static_cast<int>(threadIdx.x);
      keys(place).Load([&](int j) { return key_at(begin + j); }, count, thread, kThreads);
      values(place).Load([&](int j) { return value_at(begin + j); }, count, thread, kThreads);
    };
    __syncthreads();  // after an earlier walk
    load(0, 0);
    for (int begin = 0, place = 0; begin < num_keys; begin += kRows, place = 1 - place) {
      WaitForCopies();
      __syncthreads();  // and nobody computes with the other place any more
      if (begin + kRows < num_keys) load(begin + kRows, 1 - place);
      compute(keys(place), values(place), begin);
    }
  }
};

// products = left rows^T, 16 x kRows, from zero. left(k) is columns [16 k, 16 k + 16).
template <int kRows, int kHeadDim, typename Left>
__device__ inline void TimesRows(const Left& left, const SharedRows<kRows, kHeadDim>& rows,
                                 SumMatrix (&products)[kRows / kColumns]) {
#pragma unroll
  for (int n = 0; n < kRows / kColumns; ++n) products[n] = {};
#pragma unroll
  for (int k = 0; k < kHeadDim / kMatrix; ++k) {
    const LeftMatrix factor = left(k);
#pragma unroll
    for (int n = 0; n < kRows / kColumns; n += 2) {
      RightMatrix right[2];
      rows.RightOfRows(n * kColumns, k * kMatrix, right);
      MultiplyAdd(factor.x, right[0].x, products[n].x);
      MultiplyAdd(factor.x, right[1].x, products[n + 1].x);
    }
  }
}

// a and b += columns [8 n, 8 n + 8) and the next eight of left rows.
template <int kRows, int kHeadDim>
__device__ inline void AddColumns(const LeftMatrix (&left)[kRows / kMatrix],
                                  const SharedRows<kRows, kHeadDim>& rows, int n, SumMatrix& a,
                                  SumMatrix& b) {
#pragma unroll
  for (int k = 0; k < kRows / kMatrix; ++k) {
    RightMatrix right[2];
    rows.Right(k * kMatrix, n * kColumns, right);
    MultiplyAdd(left[k].x, right[0].x, a.x);
    MultiplyAdd(left[k].x, right[1].x, b.x);
  }
}

}  // namespace agon::policy::cuda
