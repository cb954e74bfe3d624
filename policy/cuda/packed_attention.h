// Where the heads of a packed batch lie: the heads that share one head of keys, as rows.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "policy/cuda/kernels.h"

namespace agon::policy::cuda {

// Row r of a run of tokens is token r / heads_per_kv and the group's head r % heads_per_kv;
// offsets are in elements.
struct PackedGroup {
  HeadShape shape;
  int kv_head, heads_per_kv;

  __device__ PackedGroup(const HeadShape& s, int kv)
      : shape(s), kv_head(kv), heads_per_kv(s.num_heads / s.num_kv_heads) {}

  __device__ int Head(int row) const { return kv_head * heads_per_kv + row % heads_per_kv; }
  // In qk (tokens, (H + KV) d) and its gradient.
  __device__ int64_t Query(int64_t token, int row) const {
    return (token * (shape.num_heads + shape.num_kv_heads) + Head(row)) * shape.head_dim;
  }
  __device__ int64_t Key(int64_t token) const {
    return (token * (shape.num_heads + shape.num_kv_heads) + shape.num_heads + kv_head) *
           shape.head_dim;
  }
  // In qkv (tokens, (H + 2 KV) d).
  __device__ int64_t Value(int64_t token) const {
    return (token * (shape.num_heads + 2 * shape.num_kv_heads) + shape.num_heads +
            shape.num_kv_heads + kv_head) *
           shape.head_dim;
  }
  // In dv (tokens, KV d).
  __device__ int64_t ValueGradient(int64_t token) const {
    return (token * shape.num_kv_heads + kv_head) * shape.head_dim;
  }
  // In out (tokens, H d) and its gradient.
  __device__ int64_t Out(int64_t token, int row) const {
    return (token * shape.num_heads + Head(row)) * shape.head_dim;
  }
  // In (tokens, H): log-sum-exp and the like.
  __device__ int64_t Statistic(int64_t token, int row) const {
    return token * shape.num_heads + Head(row);
  }
};

// A grid over tiles, which fall in work, and heads of keys: blocks start in the order of their
// numbers, so that those of all heads of a tile come before those of the next.
struct TileGrid {
  static unsigned Blocks(int num_tiles, const HeadShape& shape) {
    return static_cast<unsigned>(num_tiles) * static_cast<unsigned>(shape.num_kv_heads);
  }
  __device__ static int Tile(const HeadShape& shape) {
    return static_cast<int>(blockIdx.x) / shape.num_kv_heads;
  }
  __device__ static int KvHead(const HeadShape& shape) {
    return static_cast<int>(blockIdx.x) % shape.num_kv_heads;
  }
};

// Token of key number j of a tile's segment.
__device__ inline int64_t KeyToken(const AttentionTile& tile, int j) {
  return j < tile.prefix_length ? tile.prefix_begin + j : tile.begin + j - tile.prefix_length;
}

// How many keys row r of a tile sees.
__device__ inline int NumKeys(const AttentionTile& tile, const PackedGroup& group, int row) {
  return tile.prefix_length + tile.first_query + row / group.heads_per_kv - tile.begin + 1;
}

// What the gradient is computed from and goes to.
template <typename T>
struct GradientArrays {
  const T *qk, *qkv, *dout;
  const float *lse, *delta;  // delta (tokens, H): rowsum(dO O)
  float *dqk, *dv;
};

}  // namespace agon::policy::cuda
