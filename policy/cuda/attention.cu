// Attention forward in training and prefill, decoding against a cache, and the cache's writes.
//
// fp32 is computed on fp32 cores (float_attention.h), bf16 on tensor cores (tensor_attention.h).
// Bound: shared memory in training, HBM in decoding.
#include <algorithm>
#include <type_traits>

#include "policy/cuda/float_attention.h"
#include "policy/cuda/head_dim.h"
#include "policy/cuda/kernels.h"
#include "policy/cuda/launch.h"
#include "policy/cuda/packed_attention.h"
#include "policy/cuda/tensor_attention.h"

namespace agon::policy::cuda {
namespace {

constexpr int kTileRows = 64;

// What a block of training and one of decoding compute with.
template <typename T, int kHeadDim>
using TrainBlock = std::conditional_t<std::is_same_v<T, float>, FloatAttention<kHeadDim, 8>,
                                      TensorAttention<kHeadDim, 4, 4>>;
template <typename T, int kHeadDim>
using DecodeBlock = std::conditional_t<std::is_same_v<T, float>, FloatAttention<kHeadDim, 4>,
                                       TensorAttention<kHeadDim, 1, 4>>;

// The rows of a tile: its queries, for each the heads that share one head of keys.
template <typename T>
struct TileRows {
  const T* qk;
  T* out;
  float* lse;
  AttentionTile tile;
  PackedGroup group;

  __device__ int64_t Token(int row) const { return tile.first_query + row / group.heads_per_kv; }
  __device__ const T* Query(int row) const { return qk + group.Query(Token(row), row); }
  __device__ int NumKeys(int row) const { return cuda::NumKeys(tile, group, row); }
  __device__ T* Out(int row) const { return out + group.Out(Token(row), row); }
  __device__ float* Lse(int row) const {
    return lse ? lse + group.Statistic(Token(row), row) : nullptr;
  }
};

// Keys of a packed batch: the prefix's rows, then the segment's own.
template <typename T>
struct PackedKeys {
  const T *qk, *qkv;
  AttentionTile tile;
  PackedGroup group;

  __device__ const T* Key(int j) const { return qk + group.Key(KeyToken(tile, j)); }
  __device__ const T* Value(int j) const { return qkv + group.Value(KeyToken(tile, j)); }
};

template <typename T, int kHeadDim>
__global__ void __launch_bounds__(TrainBlock<T, kHeadDim>::kThreads,
                                  TrainBlock<T, kHeadDim>::kBlocks)
    AttentionKernel(const AttentionTile* tiles, HeadShape shape, const T* qk, const T* qkv, T* out,
                    float* lse) {
  const AttentionTile tile = tiles[TileGrid::Tile(shape)];
  const PackedGroup group(shape, TileGrid::KvHead(shape));
  const TileRows<T> rows{qk, out, lse, tile, group};
  const PackedKeys<T> keys{qk, qkv, tile, group};
  TrainBlock<T, kHeadDim>::Attend(rows, tile.num_queries * group.heads_per_kv, keys);
}

// One decoded token's heads.
template <typename T, int kHeadDim>
struct DecodeRows {
  const T* queries;
  T* out;
  int num_keys;

  __device__ const T* Query(int row) const { return queries + row * kHeadDim; }
  __device__ int NumKeys(int) const { return num_keys; }
  __device__ T* Out(int row) const { return out + row * kHeadDim; }
  __device__ float* Lse(int) const { return nullptr; }
};

template <typename T, int kHeadDim>
struct CachedKeys {
  const T *keys, *values;

  __device__ const T* Key(int j) const { return keys + static_cast<int64_t>(j) * kHeadDim; }
  __device__ const T* Value(int j) const { return values + static_cast<int64_t>(j) * kHeadDim; }
};

template <typename T, int kHeadDim>
__global__ void AttentionDecodeKernel(KvLayer<T> cache, HeadShape shape, const T* qk,
                                      const int32_t* slots, const int32_t* positions, T* out) {
  const int64_t row = blockIdx.x;
  if (slots[row] < 0) return;
  const int kv_head = static_cast<int>(blockIdx.y);
  const int heads_per_kv = shape.num_heads / shape.num_kv_heads, head = kv_head * heads_per_kv;
  const int64_t rotated = shape.num_heads + shape.num_kv_heads;
  const DecodeRows<T, kHeadDim> rows{qk + (row * rotated + head) * kHeadDim,
                                     out + (row * shape.num_heads + head) * kHeadDim,
                                     positions[row] + 1};
  const int64_t at = cache.Offset(slots[row], kv_head, 0, kHeadDim);
  const CachedKeys<T, kHeadDim> keys{cache.keys + at, cache.values + at};
  DecodeBlock<T, kHeadDim>::Attend(rows, heads_per_kv, keys);
}

constexpr int kCopyThreads = 256;

// Neighbours in a head are neighbours in both slots: a layer's head is one run of elements.
template <typename T>
__global__ void CopySlotKernel(KvLayer<T> cache, int64_t layer_stride, int num_kv_heads, int d,
                               int from, int to, int64_t count) {
  const int64_t i = (static_cast<int64_t>(blockIdx.x) * kCopyThreads + threadIdx.x) * 4;
  if (i >= count) return;
  const int layer = static_cast<int>(blockIdx.y) / num_kv_heads;
  const int kv_head = static_cast<int>(blockIdx.y) % num_kv_heads;
  const int64_t source = layer * layer_stride + cache.Offset(from, kv_head, 0, d) + i;
  const int64_t target = layer * layer_stride + cache.Offset(to, kv_head, 0, d) + i;
  Store4(cache.keys + target, Load4(cache.keys + source));
  Store4(cache.values + target, Load4(cache.values + source));
}

}  // namespace

std::vector<AttentionTile> MakeAttentionTiles(std::span<const PackedBatch::Segment> segments,
                                              const HeadShape& shape) {
  const int heads_per_kv = shape.num_heads / shape.num_kv_heads;
  const int most = std::max(1, kTileRows / heads_per_kv);
  std::vector<AttentionTile> tiles;
  for (const auto& s : segments) {
    for (int i = 0; i < s.length; i += most) {
      tiles.push_back(
          {s.begin, s.begin + i, std::min(most, s.length - i), s.prefix_begin, s.prefix_length});
    }
  }
  const auto num_keys = [](const AttentionTile& t) {
    return t.prefix_length + t.first_query + t.num_queries - t.begin;
  };
  std::stable_sort(tiles.begin(), tiles.end(),
                   [&](const auto& a, const auto& b) { return num_keys(a) > num_keys(b); });
  return tiles;
}

template <typename T>
void Attention(const AttentionTile* tiles, int num_tiles, const HeadShape& shape, const T* qk,
               const T* qkv, T* out, float* lse, cudaStream_t stream) {
  ForHeadDim("Attention", shape, [&]<int kHeadDim>() {
    using Block = TrainBlock<T, kHeadDim>;
    Launch("Attention", {TileGrid::Blocks(num_tiles, shape), Block::kThreads, Block::kBytes},
           stream, AttentionKernel<T, kHeadDim>, tiles, shape, qk, qkv, out, lse);
  });
}

template <typename T>
void CopySlot(const KvLayer<T>& first_layer, int num_layers, int64_t layer_stride,
              const HeadShape& shape, int from, int to, int num_tokens, cudaStream_t stream) {
  const int64_t count = static_cast<int64_t>(num_tokens) * shape.head_dim;
  const dim3 grid(NumBlocks(count, kCopyThreads * 4),
                  static_cast<unsigned>(num_layers * shape.num_kv_heads));
  Launch("CopySlot", {grid, kCopyThreads}, stream, CopySlotKernel<T>, first_layer, layer_stride,
         shape.num_kv_heads, shape.head_dim, from, to, count);
}

template <typename T>
void AttentionDecode(const KvLayer<T>& cache, const HeadShape& shape, const T* qk,
                     const int32_t* slots, const int32_t* positions, int rows, T* out,
                     cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(rows), static_cast<unsigned>(shape.num_kv_heads));
  ForHeadDim("AttentionDecode", shape, [&]<int kHeadDim>() {
    using Block = DecodeBlock<T, kHeadDim>;
    Launch("AttentionDecode", {grid, Block::kThreads, Block::kBytes}, stream,
           AttentionDecodeKernel<T, kHeadDim>, cache, shape, qk, slots, positions, out);
  });
}

#define AGON_INSTANTIATE(T)                                                                       \
  template void Attention<T>(const AttentionTile*, int, const HeadShape&, const T*, const T*, T*, \
                             float*, cudaStream_t);                                               \
  template void CopySlot<T>(const KvLayer<T>&, int, int64_t, const HeadShape&, int, int, int,     \
                            cudaStream_t);                                                        \
  template void AttentionDecode<T>(const KvLayer<T>&, const HeadShape&, const T*, const int32_t*, \
                                   const int32_t*, int, T*, cudaStream_t);
AGON_INSTANTIATE(float)
AGON_INSTANTIATE(Bf16)
#undef AGON_INSTANTIATE

}  // namespace agon::policy::cuda
