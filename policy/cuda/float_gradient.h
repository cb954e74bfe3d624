// Gradient of attention on fp32 cores, for fp32: the formulas of attention_gradient.cu. Bound:
// shared memory.
#pragma once

#include <cmath>

#include "policy/cuda/device.h"
#include "policy/cuda/packed_attention.h"

namespace agon::policy::cuda {

// 32 rows of queries against 32 keys, as floats, by a block of 8 warps.
template <int kHeadDim>
struct FloatGradientBlock {
  static constexpr int kWarps = 8, kThreads = kWarps * kWarp, kEach = kHeadDim / kWarp;
  static constexpr int kRows = 32, kKeys = 32, kPerWarp = kRows / kWarps;
  static constexpr int kStride = kHeadDim + 1;  // keeps lanes that read rows off one bank
  static constexpr int kRowFloats = kRows * kHeadDim, kKeyFloats = kKeys * kStride,
                       kSquare = kRows * kKeys;
  static constexpr size_t kBytes = (2 * kRowFloats + 2 * kKeyFloats + 2 * kSquare) * 4;

  __device__ FloatGradientBlock()
      : queries(0, kRowFloats),
        douts(kRowFloats * 4, kRowFloats),
        keys(kRowFloats * 8, kKeyFloats),
        values(kRowFloats * 8 + kKeyFloats * 4, kKeyFloats),
        weights(kRowFloats * 8 + kKeyFloats * 8, kSquare),
        dscores(kRowFloats * 8 + kKeyFloats * 8 + kSquare * 4, kSquare) {}

  // Rows [base, end) of the tokens from `first_query` on, and whatever lies beside them zero.
  __device__ void LoadRows(const GradientArrays<float>& arrays, const PackedGroup& group,
                           int first_query, int base, int end) const {
    for (int i = static_cast<int>(threadIdx.x); i < kRows * kHeadDim; i += kThreads) {
      const int row = base + i / kHeadDim, at = i % kHeadDim;
      const int64_t token = first_query + row / group.heads_per_kv;
      queries[i] = row < end ? arrays.qk[group.Query(token, row) + at] : 0.0f;
      douts[i] = row < end ? arrays.dout[group.Out(token, row) + at] : 0.0f;
    }
  }

  __device__ void LoadKey(const GradientArrays<float>& arrays, const PackedGroup& group, int j,
                          int at, int64_t token) const {
    keys[j * kStride + at] = arrays.qk[group.Key(token) + at];
    values[j * kStride + at] = arrays.qkv[group.Value(token) + at];
  }

  // P and dS of the loaded rows and keys; a lane has a key, a warp four rows. `sees(row, lane)`
  // says where there is a weight.
  template <typename Sees>
  __device__ void WeightsAndScores(const GradientArrays<float>& arrays, const PackedGroup& group,
                                   int first_query, int base, const Sees& sees) const {
    const int lane = static_cast<int>(threadIdx.x) % kWarp;
    const int first = static_cast<int>(threadIdx.x) / kWarp * kPerWarp;
    const float scale = 1.0f / sqrtf(static_cast<float>(kHeadDim));
    float scores[kPerWarp] = {}, dweights[kPerWarp] = {};
    for (int i = 0; i < kHeadDim; ++i) {
      const float key = keys[lane * kStride + i];
      const float value = values[lane * kStride + i];
      for (int r = 0; r < kPerWarp; ++r) {
        scores[r] = fmaf(queries[(first + r) * kHeadDim + i], key, scores[r]);
        dweights[r] = fmaf(douts[(first + r) * kHeadDim + i], value, dweights[r]);
      }
    }
    for (int r = 0; r < kPerWarp; ++r) {
      const int row = base + first + r, to = (first + r) * kKeys + lane;
      float weight = 0.0f, dscore = 0.0f;
      if (sees(row, lane)) {
        const int64_t at = group.Statistic(first_query + row / group.heads_per_kv, row);
        weight = expf(scores[r] * scale - arrays.lse[at]);
        dscore = weight * (dweights[r] - arrays.delta[at]) * scale;
      }
      weights[to] = weight;
      dscores[to] = dscore;
    }
  }

  DynamicShared<float> queries, douts, keys, values, weights, dscores;
};

// dQ of a tile: a block owns 32 rows of queries and walks the keys that they see.
template <int kHeadDim>
struct FloatQueryGradient {
  using Block = FloatGradientBlock<kHeadDim>;
  static constexpr int kThreads = Block::kThreads;
  static constexpr size_t kBytes = Block::kBytes;

  static __device__ void Run(const AttentionTile& tile, const PackedGroup& group,
                             const GradientArrays<float>& arrays) {
    constexpr int kRows = Block::kRows, kKeys = Block::kKeys, kPerWarp = Block::kPerWarp;
    const Block memory;
    const int thread = static_cast<int>(threadIdx.x), lane = thread % kWarp;
    const int first = thread / kWarp * kPerWarp, num_rows = tile.num_queries * group.heads_per_kv;
    for (int base = 0; base < num_rows; base += kRows) {
      const int end = base + kRows < num_rows ? base + kRows : num_rows;
      float dq[kPerWarp][Block::kEach] = {};
      __syncthreads();
      memory.LoadRows(arrays, group, tile.first_query, base, end);
      const int num_keys = NumKeys(tile, group, end - 1);
      for (int begin = 0; begin < num_keys; begin += kKeys) {
        __syncthreads();
        for (int i = thread; i < kKeys * kHeadDim; i += kThreads) {
          // A key that doesn't exist is stood in for by the last one, and weighs nothing.
          const int j = begin + i / kHeadDim < num_keys ? begin + i / kHeadDim : num_keys - 1;
          memory.LoadKey(arrays, group, i / kHeadDim, i % kHeadDim, KeyToken(tile, j));
        }
        __syncthreads();
        memory.WeightsAndScores(arrays, group, tile.first_query, base, [&](int row, int j) {
          return row < end && begin + j < NumKeys(tile, group, row);
        });
        __syncwarp();
        AddKeys(memory, first, dq);
      }
      for (int r = 0; r < kPerWarp && base + first + r < end; ++r) {
        const int row = base + first + r;
        float* out = arrays.dqk + group.Query(tile.first_query + row / group.heads_per_kv, row);
        for (int k = 0; k < Block::kEach; ++k) out[k * kWarp + lane] = dq[r][k];
      }
    }
  }

 private:
  static __device__ void AddKeys(const Block& memory, int first,
                                 float (&dq)[Block::kPerWarp][Block::kEach]) {
    const int lane = static_cast<int>(threadIdx.x) % kWarp;
    for (int j = 0; j < Block::kKeys; ++j) {
      for (int r = 0; r < Block::kPerWarp; ++r) {
        const float dscore = memory.dscores[(first + r) * Block::kKeys + j];
        for (int k = 0; k < Block::kEach; ++k) {
          dq[r][k] = fmaf(dscore, memory.keys[j * Block::kStride + k * kWarp + lane], dq[r][k]);
        }
      }
    }
  }
};

// dK and dV: a block owns 32 keys, one half of a tile's, and walks all queries that see them.
template <int kHeadDim>
struct FloatKeyGradient {
  using Block = FloatGradientBlock<kHeadDim>;
  static constexpr int kThreads = Block::kThreads, kParts = kKeysPerTile / Block::kKeys;
  static constexpr size_t kBytes = Block::kBytes;

  // Part `part` of kParts of the tile.
  static __device__ void Run(const KeyTile& tile, int part, const QueryRange* ranges,
                             const PackedGroup& group, const GradientArrays<float>& arrays) {
    constexpr int kRows = Block::kRows, kKeys = Block::kKeys, kPerWarp = Block::kPerWarp;
    const int first_key = tile.first_key + part * kKeys;
    const int num_keys =
        tile.num_keys - part * kKeys < kKeys ? tile.num_keys - part * kKeys : kKeys;
    if (num_keys <= 0) return;
    const Block memory;
    const int thread = static_cast<int>(threadIdx.x), lane = thread % kWarp;
    const int first = thread / kWarp * kPerWarp;  // of the keys that this warp owns
    for (int i = thread; i < kKeys * kHeadDim; i += kThreads) {
      const int j = i / kHeadDim < num_keys ? i / kHeadDim : num_keys - 1;
      memory.LoadKey(arrays, group, i / kHeadDim, i % kHeadDim, first_key + j);
    }
    float dk[kPerWarp][Block::kEach] = {}, dv[kPerWarp][Block::kEach] = {};
    for (int n = tile.first_range; n < tile.first_range + tile.num_ranges; ++n) {
      const QueryRange range = ranges[n];
      const int num_rows = range.num_queries * group.heads_per_kv;
      for (int base = 0; base < num_rows; base += kRows) {
        const int end = base + kRows < num_rows ? base + kRows : num_rows;
        __syncthreads();
        memory.LoadRows(arrays, group, range.first_query, base, end);
        __syncthreads();
        memory.WeightsAndScores(arrays, group, range.first_query, base, [&](int row, int j) {
          const int key = first_key + j;
          return row < end && j < num_keys && key < range.key_end &&
                 key <= range.first_query + row / group.heads_per_kv;
        });
        __syncthreads();
        AddRows(memory, first, end - base, dk, dv);
      }
    }
    for (int r = 0; r < kPerWarp && first + r < num_keys; ++r) {
      const int64_t token = first_key + first + r;
      for (int k = 0; k < Block::kEach; ++k) {
        arrays.dqk[group.Key(token) + k * kWarp + lane] = dk[r][k];
        arrays.dv[group.ValueGradient(token) + k * kWarp + lane] = dv[r][k];
      }
    }
  }

 private:
  static __device__ void AddRows(const Block& memory, int first, int num_rows,
                                 float (&dk)[Block::kPerWarp][Block::kEach],
                                 float (&dv)[Block::kPerWarp][Block::kEach]) {
    const int lane = static_cast<int>(threadIdx.x) % kWarp;
    for (int row = 0; row < num_rows; ++row) {
      for (int r = 0; r < Block::kPerWarp; ++r) {
        const float weight = memory.weights[row * Block::kKeys + first + r];
        const float dscore = memory.dscores[row * Block::kKeys + first + r];
        for (int k = 0; k < Block::kEach; ++k) {
          const int at = row * kHeadDim + k * kWarp + lane;
          dk[r][k] = fmaf(dscore, memory.queries[at], dk[r][k]);
          dv[r][k] = fmaf(weight, memory.douts[at], dv[r][k]);
        }
      }
    }
  }
};

}  // namespace agon::policy::cuda
