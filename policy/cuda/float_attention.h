// Causal attention on fp32 cores for one warp's rows over blocks of 32 keys: the one routine that
// training, prefill and decoding share in fp32 (bf16: tensor_attention.h).
//
// A row is one query of one head. Its maximum, sum and output are updated key block by key
// block, counted from the sequence's start, by operations of its own warp only, so its bits
// don't depend on the rows beside it, on where its keys lie (packed batch, shared prefix,
// cache), or on whether it is scored in a batch or decoded alone (Dao et al. 2022; no split
// over keys). Rows that share keys share the reading of them.
#pragma once

#include <cmath>

#include "policy/cuda/device.h"

namespace agon::policy::cuda {

inline constexpr int kKeyBlock = kWarp;  // a lane scores a key
inline constexpr int kRowsPerWarp = 4;

// Dynamic shared memory of a block of kWarps warps, as floats.
template <int kHeadDim, int kWarps>
struct AttentionMemory {
  static constexpr int kRows = kWarps * kRowsPerWarp;
  static constexpr int kKeyStride = kHeadDim + 1;  // lanes read rows: keeps them off one bank
  static constexpr int kQueries = kRows * kHeadDim, kKeys = kKeyBlock * kKeyStride,
                       kValues = kKeyBlock * kHeadDim, kWeights = kRows * kKeyBlock;
  static constexpr size_t kBytes = (kQueries + kKeys + kValues + kWeights) * sizeof(float);

  __device__ AttentionMemory()
      : queries(0, kQueries),
        keys(kQueries * 4, kKeys),
        values((kQueries + kKeys) * 4, kValues),
        weights((kQueries + kKeys + kValues) * 4, kWeights) {}

  DynamicShared<float> queries, keys, values, weights;
};

// The running softmax of a warp's rows; a lane holds the output's elements lane + 32 k.
template <int kHeadDim>
struct AttentionRows {
  static constexpr int kEach = kHeadDim / kWarp;

  int num_keys[kRowsPerWarp];
  float max[kRowsPerWarp], sum[kRowsPerWarp], out[kRowsPerWarp][kEach];

  __device__ void Begin(int r, int keys) {
    num_keys[r] = keys;
    max[r] = -INFINITY;
    sum[r] = 0.0f;
    for (float& x : out[r]) x = 0.0f;
  }

  // Takes in keys [begin, begin + 32), of which `loaded` lie in `memory`.
  template <int kWarps>
  __device__ void Update(const AttentionMemory<kHeadDim, kWarps>& memory, int begin, int loaded,
                         float scale) {
    const int lane = static_cast<int>(threadIdx.x) % kWarp;
    const int first = static_cast<int>(threadIdx.x) / kWarp * kRowsPerWarp;
    float scores[kRowsPerWarp] = {};
    if (lane < loaded) {
      for (int i = 0; i < kHeadDim; ++i) {
        const float key = memory.keys[lane * memory.kKeyStride + i];
        for (int r = 0; r < kRowsPerWarp; ++r) {
          scores[r] = fmaf(memory.queries[(first + r) * kHeadDim + i], key, scores[r]);
        }
      }
    }
    for (int r = 0; r < kRowsPerWarp; ++r) {
      if (begin >= num_keys[r]) continue;
      const bool sees = begin + lane < num_keys[r];
      const float score = sees ? scores[r] * scale : -INFINITY;
      const float most = fmaxf(max[r], WarpMax(score));
      const float keep = expf(max[r] - most), weight = expf(score - most);
      memory.weights[(first + r) * kKeyBlock + lane] = weight;
      sum[r] = fmaf(sum[r], keep, WarpSum(weight));
      max[r] = most;
      for (float& x : out[r]) x *= keep;
    }
    __syncwarp();
    for (int j = 0; j < loaded; ++j) {
      float value[kEach];
      for (int k = 0; k < kEach; ++k) value[k] = memory.values[j * kHeadDim + k * kWarp + lane];
      for (int r = 0; r < kRowsPerWarp; ++r) {
        if (begin + j >= num_keys[r]) continue;
        const float weight = memory.weights[(first + r) * kKeyBlock + j];
        for (int k = 0; k < kEach; ++k) out[r][k] = fmaf(weight, value[k], out[r][k]);
      }
    }
  }
};

template <int kHeadDim, int kWarps>
struct FloatAttention {
  static constexpr int kThreads = kWarps * kWarp;
  static constexpr int kBlocks = 2;  // that are to fit a multiprocessor's registers
  static constexpr size_t kBytes = AttentionMemory<kHeadDim, kWarps>::kBytes;

  // Rows [0, num_rows) of `rows`, whose key counts don't fall, against the keys of `source`. All
  // threads of the block call it. `Rows` has Query(row), NumKeys(row), Out(row) and Lse(row),
  // nullptr where it isn't wanted; `Keys` has Key(j) and Value(j).
  template <typename Rows, typename Keys>
  static __device__ void Attend(const Rows& rows, int num_rows, const Keys& source) {
    constexpr int kBlockRows = kWarps * kRowsPerWarp;
    const AttentionMemory<kHeadDim, kWarps> memory;
    const float scale = 1.0f / sqrtf(static_cast<float>(kHeadDim));
    const int thread = static_cast<int>(threadIdx.x), lane = thread % kWarp;
    const int first = thread / kWarp * kRowsPerWarp;
    for (int base = 0; base < num_rows; base += kBlockRows) {
      const int end = base + kBlockRows < num_rows ? base + kBlockRows : num_rows;
      __syncthreads();
      for (int i = thread; i < kBlockRows * kHeadDim; i += kThreads) {
        const int row = base + i / kHeadDim;
        memory.queries[i] = row < end ? ToFloat(rows.Query(row)[i % kHeadDim]) : 0.0f;
      }
      AttentionRows<kHeadDim> state;
      for (int r = 0; r < kRowsPerWarp; ++r) {
        const int row = base + first + r;
        state.Begin(r, row < end ? rows.NumKeys(row) : 0);
      }
      const int num_keys = rows.NumKeys(end - 1);
      for (int begin = 0; begin < num_keys; begin += kKeyBlock) {
        const int loaded = num_keys - begin < kKeyBlock ? num_keys - begin : kKeyBlock;
        __syncthreads();
        for (int i = thread * 4; i < loaded * kHeadDim; i += kThreads * 4) {
          const int j = i / kHeadDim, at = i % kHeadDim;
          const float4 key = Load4(source.Key(begin + j) + at);
          const float4 value = Load4(source.Value(begin + j) + at);
          const int to = j * memory.kKeyStride + at;
          memory.keys[to] = key.x, memory.keys[to + 1] = key.y;
          memory.keys[to + 2] = key.z, memory.keys[to + 3] = key.w;
          memory.values[i] = value.x, memory.values[i + 1] = value.y;
          memory.values[i + 2] = value.z, memory.values[i + 3] = value.w;
        }
        __syncthreads();
        state.Update(memory, begin, loaded, scale);
      }
      for (int r = 0; r < kRowsPerWarp && base + first + r < end; ++r) {
        const int row = base + first + r;
        const float inverse = 1.0f / state.sum[r];
        for (int k = 0; k < state.kEach; ++k) {
          Put(rows.Out(row) + k * kWarp + lane, state.out[r][k] * inverse);
        }
        if (lane == 0 && rows.Lse(row)) *rows.Lse(row) = state.max[r] + logf(state.sum[r]);
      }
    }
  }
};

}  // namespace agon::policy::cuda
