// Attention forward in training and prefill.
//
// fp32 is computed on fp32 cores (float_attention.h), bf16 on tensor cores (tensor_attention.h).
// Bound: shared memory.
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

template <typename T, int kHeadDim>
using TrainBlock = std::conditional_t<std::is_same_v<T, float>, FloatAttention<kHeadDim, 8>,
                                      TensorAttention<kHeadDim, 4>>;

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

#define AGON_INSTANTIATE(T)                                                                       \
  template void Attention<T>(const AttentionTile*, int, const HeadShape&, const T*, const T*, T*, \
                             float*, cudaStream_t);
AGON_INSTANTIATE(float)
AGON_INSTANTIATE(Bf16)
#undef AGON_INSTANTIATE

}  // namespace agon::policy::cuda
