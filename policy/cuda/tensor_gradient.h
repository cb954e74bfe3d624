// Gradient of attention on tensor cores, for bf16: the formulas of attention_gradient.cu. Weights
// and the gradients of scores are rounded to bf16 for their products
// (docs/adr/0027-attention-on-tensor-cores.md).
#pragma once

#include <cmath>

#include "policy/cuda/packed_attention.h"
#include "policy/cuda/shared_rows.h"

namespace agon::policy::cuda {

// Makes S and dP, products of 16 rows and kColumnsOfAll columns, the weights P and dS / scale. The
// functions are asked about the lane's row FragmentRow() + 8 half and a column: whether there is a
// weight, and the log-sum-exp and delta of its query.
template <int kColumnsOfAll, typename Sees, typename Lse, typename Delta>
__device__ inline void WeightsAndScores(float scale, const Sees& sees, const Lse& lse,
                                        const Delta& delta,
                                        SumMatrix (&weights)[kColumnsOfAll / kColumns],
                                        SumMatrix (&dscores)[kColumnsOfAll / kColumns]) {
#pragma unroll
  for (int n = 0; n < kColumnsOfAll / kColumns; ++n) {
    for (int i = 0; i < 4; ++i) {
      const int half = i / 2, column = n * kColumns + FragmentColumn() + i % 2;
      float weight = 0.0f, dscore = 0.0f;
      if (sees(half, column)) {
        weight = expf(weights[n].x[i] * scale - lse(half, column));
        dscore = weight * (dscores[n].x[i] - delta(half, column));
      }
      weights[n].x[i] = weight;
      dscores[n].x[i] = dscore;
    }
  }
}

// Sums side by side, rounded, as left factors.
template <int kColumnsOfAll>
__device__ inline void RoundToLeft(const SumMatrix (&sums)[kColumnsOfAll / kColumns],
                                   LeftMatrix (&left)[kColumnsOfAll / kMatrix]) {
#pragma unroll
  for (int k = 0; k < kColumnsOfAll / kMatrix; ++k) {
    left[k] = RoundedToLeft(sums[2 * k], sums[2 * k + 1]);
  }
}

// sums += left rows.
template <int kRows, int kHeadDim>
__device__ inline void AddProduct(const LeftMatrix (&left)[kRows / kMatrix],
                                  const SharedRows<kRows, kHeadDim>& rows,
                                  SumMatrix (&sums)[kHeadDim / kColumns]) {
#pragma unroll
  for (int n = 0; n < kHeadDim / kColumns; n += 2) {
    AddColumns(left, rows, n, sums[n], sums[n + 1]);
  }
}

// out[0, kHeadDim) = the lane's row `half` of `sums`, times `scale`.
template <int kHeadDim>
__device__ inline void StoreRow(const SumMatrix (&sums)[kHeadDim / kColumns], int half, float scale,
                                float* out) {
#pragma unroll
  for (int n = 0; n < kHeadDim / kColumns; ++n) {
    Store2(out + n * kColumns + FragmentColumn(), sums[n].x[2 * half] * scale,
           sums[n].x[2 * half + 1] * scale);
  }
}

// dQ of a tile: a warp owns 16 rows and walks the keys that they see.
template <int kHeadDim>
struct TensorQueryGradient {
  static constexpr int kWarps = 4, kThreads = kWarps * kWarp, kKeys = 32;
  using Blocks = KeyBlocks<kKeys, kHeadDim>;
  using Shared = typename Blocks::Shared;
  static constexpr size_t kBytes = Blocks::kBytes;

  // A warp's rows [first, end), of which a lane has FragmentRow() + 8 h, h < 2.
  struct Rows {
    __device__ Rows(const AttentionTile& tile, const PackedGroup& group,
                    const GradientArrays<Bf16>& arrays, int first, int end) {
      const Bf16 *queries[2], *douts[2];
      for (int h = 0; h < 2; ++h) {
        const int row = first + FragmentRow() + 8 * h;
        const int64_t token = tile.first_query + row / group.heads_per_kv;
        const bool is_there = row < end;
        queries[h] = is_there ? arrays.qk + group.Query(token, row) : nullptr;
        douts[h] = is_there ? arrays.dout + group.Out(token, row) : nullptr;
        num_keys[h] = is_there ? NumKeys(tile, group, row) : 0;
        lse[h] = is_there ? arrays.lse[group.Statistic(token, row)] : 0.0f;
        delta[h] = is_there ? arrays.delta[group.Statistic(token, row)] : 0.0f;
      }
      LoadLeft<kHeadDim>(queries[0], queries[1], query);
      LoadLeft<kHeadDim>(douts[0], douts[1], dout);
      const int last = first + kMatrix < end ? first + kMatrix : end;
      most_keys = first < end ? NumKeys(tile, group, last - 1) : 0;
#pragma unroll
      for (int n = 0; n < kHeadDim / kColumns; ++n) dquery[n] = {};
    }

    // Takes in keys [begin, begin + kKeys). All lanes call it.
    __device__ void Update(const Shared& keys, const Shared& values, int begin, float scale) {
      if (begin >= most_keys) return;
      SumMatrix weights[kKeys / kColumns], dscores[kKeys / kColumns];
      TimesRows([&](int k) { return query[k]; }, keys, weights);
      TimesRows([&](int k) { return dout[k]; }, values, dscores);
      WeightsAndScores<kKeys>(
          scale, [&](int half, int column) { return begin + column < num_keys[half]; },
          [&](int half, int) { return lse[half]; }, [&](int half, int) { return delta[half]; },
          weights, dscores);
      LeftMatrix left[kKeys / kMatrix];
      RoundToLeft<kKeys>(dscores, left);
      AddProduct(left, keys, dquery);
    }

    int num_keys[2], most_keys;
    float lse[2], delta[2];
    LeftMatrix query[kHeadDim / kMatrix], dout[kHeadDim / kMatrix];
    SumMatrix dquery[kHeadDim / kColumns];
  };

  static __device__ void Run(const AttentionTile& tile, const PackedGroup& group,
                             const GradientArrays<Bf16>& arrays) {
    const float scale = 1.0f / sqrtf(static_cast<float>(kHeadDim));
    const int num_rows = tile.num_queries * group.heads_per_kv;
    for (int base = 0; base < num_rows; base += kWarps * kMatrix) {
      const int end = base + kWarps * kMatrix < num_rows ? base + kWarps * kMatrix : num_rows;
      const int first = base + static_cast<int>(threadIdx.x) / kWarp * kMatrix;
      Rows rows(tile, group, arrays, first, end);
      Blocks::template Walk<kThreads>(
          NumKeys(tile, group, end - 1),
          [&](int j) { return arrays.qk + group.Key(KeyToken(tile, j)); },
          [&](int j) { return arrays.qkv + group.Value(KeyToken(tile, j)); },
          [&](const Shared& keys, const Shared& values, int begin) {
            rows.Update(keys, values, begin, scale);
          });
      for (int h = 0; h < 2; ++h) {
        const int row = first + FragmentRow() + 8 * h;
        if (row >= end) continue;
        const int64_t token = tile.first_query + row / group.heads_per_kv;
        StoreRow<kHeadDim>(rows.dquery, h, scale, arrays.dqk + group.Query(token, row));
      }
    }
  }
};

// Rows that see a tile's keys, kRows of one range at a time.
template <int kRows>
struct RowWalk {
  const QueryRange *range, *end;
  int heads_per_kv, base = 0;

  __device__ bool IsOver() const { return range == end; }
  __device__ int NumRows() const { return range->num_queries * heads_per_kv; }
  __device__ void Next() {
    base += kRows;
    if (base < NumRows()) return;
    base = 0;
    ++range;
  }
};

// dK and dV of a tile: a warp owns 16 keys and walks all rows that see them, so that the products
// are S^T and dP^T and turn into left factors where they are.
template <int kHeadDim>
struct TensorKeyGradient {
  static constexpr int kWarps = kKeysPerTile / kMatrix, kThreads = kWarps * kWarp, kRows = 32;
  static constexpr int kParts = 1;  // of a tile
  using Keys = SharedRows<kKeysPerTile, kHeadDim>;
  using Rows = SharedRows<kRows, kHeadDim>;
  static constexpr int64_t kPlaceBytes = 2 * Rows::kBytes + 3 * kRows * 4;
  static constexpr size_t kBytes = 2 * Keys::kBytes + 2 * kPlaceBytes;
  using Walk = RowWalk<kRows>;

  // What a block shares of rows: one place is computed with while the other is filled.
  struct Place {
    __device__ explicit Place(int number)
        : queries(At(number)),
          douts(At(number) + Rows::kBytes),
          lse(At(number) + 2 * Rows::kBytes, kRows),
          delta(At(number) + 2 * Rows::kBytes + kRows * 4, kRows),
          last_key(At(number) + 2 * Rows::kBytes + kRows * 8, kRows) {}
    __device__ static int64_t At(int number) { return 2 * Keys::kBytes + number * kPlaceBytes; }

    // The rows where `walk` is, and what lies beside them as rows that see no key.
    __device__ void Load(const Walk& walk, const PackedGroup& group,
                         const GradientArrays<Bf16>& arrays) const {
      const QueryRange range = *walk.range;
      const int thread = static_cast<int>(threadIdx.x), count = walk.NumRows() - walk.base;
      const auto row_at = [&](int row) { return walk.base + row; };
      const auto token = [&](int row) -> int64_t {
        return range.first_query + row_at(row) / group.heads_per_kv;
      };
      queries.Load([&](int row) { return arrays.qk + group.Query(token(row), row_at(row)); }, count,
                   thread, kThreads);
      douts.Load([&](int row) { return arrays.dout + group.Out(token(row), row_at(row)); }, count,
                 thread, kThreads);
      for (int row = thread; row < kRows; row += kThreads) {
        const bool is_there = row < count;
        const int64_t at = group.Statistic(token(is_there ? row : 0), row_at(is_there ? row : 0));
        const int own = static_cast<int>(token(row)), last = range.key_end - 1;
        CopyToShared(lse, row, arrays.lse + at, is_there);
        CopyToShared(delta, row, arrays.delta + at, is_there);
        last_key[row] = is_there ? (own < last ? own : last) : -1;
      }
    }

    Rows queries, douts;
    DynamicShared<float> lse, delta;
    DynamicShared<int32_t> last_key;  // that the row sees; tokens
  };

  static __device__ void Run(const KeyTile& tile, int, const QueryRange* ranges,
                             const PackedGroup& group, const GradientArrays<Bf16>& arrays) {
    const Keys keys(0), values(Keys::kBytes);
    const float scale = 1.0f / sqrtf(static_cast<float>(kHeadDim));
    const int thread = static_cast<int>(threadIdx.x), first = thread / kWarp * kMatrix;
    keys.Load([&](int j) { return arrays.qk + group.Key(tile.first_key + j); }, tile.num_keys,
              thread, kThreads);
    values.Load([&](int j) { return arrays.qkv + group.Value(tile.first_key + j); }, tile.num_keys,
                thread, kThreads);
    SumMatrix dkey[kHeadDim / kColumns], dvalue[kHeadDim / kColumns];
#pragma unroll
    for (int n = 0; n < kHeadDim / kColumns; ++n) dkey[n] = dvalue[n] = {};
    const QueryRange* const first_range = ranges + tile.first_range;
    Walk walk{first_range, first_range + tile.num_ranges, group.heads_per_kv};
    Place(0).Load(walk, group, arrays);
    for (int number = 0; !walk.IsOver(); number = 1 - number) {
      WaitForCopies();
      __syncthreads();  // and nobody computes with the other place any more
      walk.Next();
      if (!walk.IsOver()) Place(1 - number).Load(walk, group, arrays);
      Update(keys, values, Place(number), first, tile.first_key + first + FragmentRow(), scale,
             dkey, dvalue);
    }
    for (int h = 0; h < 2; ++h) {
      const int j = first + FragmentRow() + 8 * h;
      if (j >= tile.num_keys) continue;
      const int64_t token = tile.first_key + j;
      StoreRow<kHeadDim>(dkey, h, scale, arrays.dqk + group.Key(token));
      StoreRow<kHeadDim>(dvalue, h, 1.0f, arrays.dv + group.ValueGradient(token));
    }
  }

 private:
  // Takes the loaded rows in for the warp's keys, `first` of the tile's and on; the lane's are
  // `own_key` and own_key + 8.
  static __device__ void Update(const Keys& keys, const Keys& values, const Place& rows, int first,
                                int own_key, float scale, SumMatrix (&dkey)[kHeadDim / kColumns],
                                SumMatrix (&dvalue)[kHeadDim / kColumns]) {
    SumMatrix weights[kRows / kColumns], dscores[kRows / kColumns];
    TimesRows([&](int k) { return keys.Left(first, k * kMatrix); }, rows.queries, weights);
    TimesRows([&](int k) { return values.Left(first, k * kMatrix); }, rows.douts, dscores);
    WeightsAndScores<kRows>(
        scale,
        [&](int half, int row) {
          const int32_t last_key = rows.last_key[row];
          return own_key + 8 * half <= last_key;
        },
        [&](int, int row) -> float { return rows.lse[row]; },
        [&](int, int row) -> float { return rows.delta[row]; }, weights, dscores);
    LeftMatrix left[kRows / kMatrix];
    RoundToLeft<kRows>(weights, left);
    AddProduct(left, rows.douts, dvalue);
    RoundToLeft<kRows>(dscores, left);
    AddProduct(left, rows.queries, dkey);
  }
};

}  // namespace agon::policy::cuda
