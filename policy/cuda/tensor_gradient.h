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
  using Shared = SharedRows<kKeys, kHeadDim>;
  static constexpr size_t kBytes = 2 * Shared::kBytes;

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
    const Shared keys(0), values(Shared::kBytes);
    const float scale = 1.0f / sqrtf(static_cast<float>(kHeadDim));
    const int thread = static_cast<int>(threadIdx.x);
    const int num_rows = tile.num_queries * group.heads_per_kv;
    for (int base = 0; base < num_rows; base += kWarps * kMatrix) {
      const int end = base + kWarps * kMatrix < num_rows ? base + kWarps * kMatrix : num_rows;
      const int first = base + thread / kWarp * kMatrix;
      Rows rows(tile, group, arrays, first, end);
      const int num_keys = NumKeys(tile, group, end - 1);
      for (int begin = 0; begin < num_keys; begin += kKeys) {
        __syncthreads();
        const auto key = [&](int j) { return arrays.qk + group.Key(KeyToken(tile, begin + j)); };
        const auto value = [&](int j) {
          return arrays.qkv + group.Value(KeyToken(tile, begin + j));
        };
        keys.Load(key, num_keys - begin, thread, kThreads);
        values.Load(value, num_keys - begin, thread, kThreads);
        __syncthreads();
        rows.Update(keys, values, begin, scale);
      }
      for (int h = 0; h < 2; ++h) {
        const int row = first + FragmentRow() + 8 * h;
        if (row >= end) continue;
        const int64_t token = tile.first_query + row / group.heads_per_kv;
        StoreRow<kHeadDim>(rows.dquery, h, scale, arrays.dqk + group.Query(token, row));
      }
    }
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
  static constexpr size_t kBytes = 2 * Keys::kBytes + 2 * Rows::kBytes + 3 * kRows * 4;

  // What a block shares.
  struct Memory {
    static constexpr int64_t kRowsAt = 2 * Keys::kBytes, kStatisticsAt = kRowsAt + 2 * Rows::kBytes;

    __device__ Memory()
        : keys(0),
          values(Keys::kBytes),
          queries(kRowsAt),
          douts(kRowsAt + Rows::kBytes),
          lse(kStatisticsAt, kRows),
          delta(kStatisticsAt + kRows * 4, kRows),
          last_key(kStatisticsAt + kRows * 8, kRows) {}

    // Rows [base, end) of a range, and what lies beside them as rows that see no key.
    __device__ void LoadRows(const QueryRange& range, const PackedGroup& group,
                             const GradientArrays<Bf16>& arrays, int base, int end) const {
      const int thread = static_cast<int>(threadIdx.x);
      const auto token = [&](int row) -> int64_t {
        return range.first_query + (base + row) / group.heads_per_kv;
      };
      queries.Load([&](int row) { return arrays.qk + group.Query(token(row), base + row); },
                   end - base, thread, kThreads);
      douts.Load([&](int row) { return arrays.dout + group.Out(token(row), base + row); },
                 end - base, thread, kThreads);
      for (int row = thread; row < kRows; row += kThreads) {
        const bool is_there = base + row < end;
        const int64_t at = is_there ? group.Statistic(token(row), base + row) : 0;
        const int own = static_cast<int>(token(row)), last = range.key_end - 1;
        lse[row] = is_there ? arrays.lse[at] : 0.0f;
        delta[row] = is_there ? arrays.delta[at] : 0.0f;
        last_key[row] = is_there ? (own < last ? own : last) : -1;
      }
    }

    Keys keys, values;
    Rows queries, douts;
    DynamicShared<float> lse, delta;
    DynamicShared<int32_t> last_key;  // that the row sees; tokens
  };

  static __device__ void Run(const KeyTile& tile, int, const QueryRange* ranges,
                             const PackedGroup& group, const GradientArrays<Bf16>& arrays) {
    const Memory memory;
    const float scale = 1.0f / sqrtf(static_cast<float>(kHeadDim));
    const int thread = static_cast<int>(threadIdx.x), first = thread / kWarp * kMatrix;
    memory.keys.Load([&](int j) { return arrays.qk + group.Key(tile.first_key + j); },
                     tile.num_keys, thread, kThreads);
    memory.values.Load([&](int j) { return arrays.qkv + group.Value(tile.first_key + j); },
                       tile.num_keys, thread, kThreads);
    SumMatrix dkey[kHeadDim / kColumns], dvalue[kHeadDim / kColumns];
#pragma unroll
    for (int n = 0; n < kHeadDim / kColumns; ++n) dkey[n] = dvalue[n] = {};
    for (int i = tile.first_range; i < tile.first_range + tile.num_ranges; ++i) {
      const QueryRange range = ranges[i];
      const int num_rows = range.num_queries * group.heads_per_kv;
      for (int base = 0; base < num_rows; base += kRows) {
        const int end = base + kRows < num_rows ? base + kRows : num_rows;
        __syncthreads();
        memory.LoadRows(range, group, arrays, base, end);
        __syncthreads();
        Update(memory, first, tile.first_key + first + FragmentRow(), scale, dkey, dvalue);
      }
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
  static __device__ void Update(const Memory& memory, int first, int own_key, float scale,
                                SumMatrix (&dkey)[kHeadDim / kColumns],
                                SumMatrix (&dvalue)[kHeadDim / kColumns]) {
    SumMatrix weights[kRows / kColumns], dscores[kRows / kColumns];
    TimesRows([&](int k) { return memory.keys.Left(first, k * kMatrix); }, memory.queries, weights);
    TimesRows([&](int k) { return memory.values.Left(first, k * kMatrix); }, memory.douts, dscores);
    WeightsAndScores<kRows>(
        scale,
        [&](int half, int row) {
          const int32_t last_key = memory.last_key[row];
          return own_key + 8 * half <= last_key;
        },
        [&](int, int row) -> float { return memory.lse[row]; },
        [&](int, int row) -> float { return memory.delta[row]; }, weights, dscores);
    LeftMatrix left[kRows / kMatrix];
    RoundToLeft<kRows>(weights, left);
    AddProduct(left, memory.douts, dvalue);
    RoundToLeft<kRows>(dscores, left);
    AddProduct(left, memory.queries, dkey);
  }
};

}  // namespace agon::policy::cuda
