// Attention of decoded tokens against a cache of keys and values. Bound: HBM.
//
// fp32 has a block of threads for each row and head of keys, which walks all keys. In bf16 few rows
// divide their keys among more blocks, and of many rows those that begin alike have the beginning
// computed together: a tensor core takes 16 rows for the price of one. Neither changes a bit, for a
// block of keys has a softmax of its own and those are merged in order (tensor_attention.h).
#include <algorithm>
#include <type_traits>

#include "policy/cuda/chain.h"
#include "policy/cuda/float_attention.h"
#include "policy/cuda/head_dim.h"
#include "policy/cuda/kernels.h"
#include "policy/cuda/launch.h"
#include "policy/cuda/tensor_decode.h"

namespace agon::policy::cuda {
namespace {

template <typename T, int kHeadDim>
struct CachedKeys {
  const T *keys, *values;

  __device__ CachedKeys(const KvLayer<T>& cache, int slot, int kv_head)
      : keys(cache.keys + cache.Offset(slot, kv_head, 0, kHeadDim)),
        values(cache.values + cache.Offset(slot, kv_head, 0, kHeadDim)) {}
  __device__ const T* Key(int j) const { return keys + static_cast<int64_t>(j) * kHeadDim; }
  __device__ const T* Value(int j) const { return values + static_cast<int64_t>(j) * kHeadDim; }
};

// Heads [first, first + count) of a decoded row, which share a head of keys.
template <typename T, int kHeadDim>
struct DecodedHeads {
  const T* qk;
  T* out;
  HeadShape shape;
  int64_t row;
  int first, num_keys;

  __device__ const T* Query(int r) const {
    return qk + (row * (shape.num_heads + shape.num_kv_heads) + first + r) * kHeadDim;
  }
  __device__ int NumKeys(int) const { return num_keys; }
  __device__ T* Out(int r) const { return out + Head(r) * kHeadDim; }
  __device__ float* Lse(int) const { return nullptr; }
  __device__ int64_t Head(int r) const { return row * shape.num_heads + first + r; }
};

template <int kHeadDim>
__global__ void FloatDecodeKernel(KvLayer<float> cache, HeadShape shape, const float* qk,
                                  const int32_t* slots, const int32_t* positions, float* out) {
  WaitForKernelBefore();
  const int64_t row = blockIdx.x;
  if (slots[row] < 0) return;
  const int kv_head = static_cast<int>(blockIdx.y);
  const int heads_per_kv = shape.num_heads / shape.num_kv_heads;
  FloatAttention<kHeadDim, 4>::Attend(
      DecodedHeads<float, kHeadDim>{qk, out, shape, row, kv_head * heads_per_kv,
                                    positions[row] + 1},
      heads_per_kv, CachedKeys<float, kHeadDim>(cache, slots[row], kv_head));
}

// The same with what other blocks compute of them.
template <int kHeadDim>
struct PartlyDecodedHeads : DecodedHeads<Bf16, kHeadDim> {
  const float* before;  // parts of (rows, H)
  float* parts;         // (rows, H, capacity / keys of a block)
  int64_t most_blocks;
  int32_t* arrivals;  // (rows, blocks of threads that a row has anyway)
  int64_t place;

  __device__ const float* Before(int r) const {
    return before + this->Head(r) * PartFloats(kHeadDim);
  }
  __device__ int32_t* Arrivals() const { return arrivals + place; }
  __device__ float* Part(int r, int block) const {
    return parts + (this->Head(r) * most_blocks + block) * PartFloats(kHeadDim);
  }
};

template <int kHeadDim>
__global__ void __launch_bounds__(TensorDecode<kHeadDim>::kThreads, TensorDecode<kHeadDim>::kBlocks)
    TensorDecodeKernel(KvLayer<Bf16> cache, HeadShape shape, const Bf16* qk, const int32_t* slots,
                       const int32_t* positions, PrefixTables prefixes, KeySplits splits,
                       Bf16* out) {
  WaitForKernelBefore();
  constexpr int kKeys = TensorDecode<kHeadDim>::kKeys, kWarps = TensorDecode<kHeadDim>::kWarps;
  const int64_t row = blockIdx.x;
  const int slot = slots[row];
  if (slot < 0) return;
  const int heads_per_kv = shape.num_heads / shape.num_kv_heads;
  const int tiles = (heads_per_kv + kMatrix - 1) / kMatrix, tile = static_cast<int>(blockIdx.y);
  const int kv_head = tile / tiles, at = tile % tiles * kMatrix;
  const int count = heads_per_kv - at < kMatrix ? heads_per_kv - at : kMatrix;
  const int num_keys = positions[row] + 1, end = (num_keys + kKeys - 1) / kKeys;
  const int first = prefixes.num_keys ? prefixes.num_keys[slot] / kKeys : 0;
  const int rounds = (end - first + kWarps - 1) / kWarps, most = static_cast<int>(gridDim.z);
  const int num_splits = rounds < most ? rounds : most, split = static_cast<int>(blockIdx.z);
  if (split >= num_splits) return;
  const PartlyDecodedHeads<kHeadDim> heads{
      {qk, out, shape, row, kv_head * heads_per_kv + at, num_keys},
      prefixes.parts,
      splits.parts,
      (cache.capacity + kKeys - 1) / kKeys,
      splits.arrivals,
      row * gridDim.y + tile};
  TensorDecode<kHeadDim>::Attend(heads, count, CachedKeys<Bf16, kHeadDim>(cache, slot, kv_head),
                                 {first, end, split, num_splits});
}

// Rows of decoded tokens whose sequences begin alike.
template <int kHeadDim>
struct PrefixRows {
  const Bf16* qk;
  HeadShape shape;
  PrefixTables tables;
  PrefixTile tile;
  int kv_head, heads_per_kv;

  // Of row r the row that is decoded, -1: none in this step.
  __device__ int64_t Decoded(int r) const {
    return tables.rows[tables.members[tile.first_member + r / heads_per_kv]];
  }
  __device__ int64_t Head(int r) const { return kv_head * heads_per_kv + r % heads_per_kv; }
  __device__ const Bf16* Query(int r) const {
    const int64_t row = Decoded(r), width = shape.num_heads + shape.num_kv_heads;
    return row < 0 ? nullptr : qk + (row * width + Head(r)) * kHeadDim;
  }
  __device__ int NumKeys(int) const { return tile.num_keys; }
  __device__ float* Part(int r) const {
    const int64_t row = Decoded(r);
    return row < 0 ? nullptr
                   : tables.parts + (row * shape.num_heads + Head(r)) * PartFloats(kHeadDim);
  }
};

template <int kHeadDim>
using PrefixBlock = TensorAttention<kHeadDim, 4>;

template <int kHeadDim>
__global__ void __launch_bounds__(PrefixBlock<kHeadDim>::kThreads, PrefixBlock<kHeadDim>::kBlocks)
    AttentionPrefixKernel(KvLayer<Bf16> cache, HeadShape shape, const Bf16* qk,
                          PrefixTables tables) {
  WaitForKernelBefore();
  const int kv_head = static_cast<int>(blockIdx.y);
  const int heads_per_kv = shape.num_heads / shape.num_kv_heads;
  for (int i = static_cast<int>(blockIdx.x); i < *tables.num_tiles;
       i += static_cast<int>(gridDim.x)) {
    const PrefixTile tile = tables.tiles[i];
    PrefixBlock<kHeadDim>::Attend(
        PrefixRows<kHeadDim>{qk, shape, tables, tile, kv_head, heads_per_kv},
        tile.num_members * heads_per_kv, CachedKeys<Bf16, kHeadDim>(cache, tile.slot, kv_head));
  }
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

// About two for each multiprocessor of a large GPU; results don't depend on it.
constexpr int kManyBlocks = 256;

// Blocks of threads that one row has anyway.
int RowBlocks(const HeadShape& shape) {
  return shape.num_kv_heads *
         static_cast<int>(NumBlocks(shape.num_heads / shape.num_kv_heads, kMatrix));
}

}  // namespace

int NumKeySplits(int rows, const HeadShape& shape, int capacity) {
  const auto in_rounds = NumBlocks(capacity, int64_t{4} * KeysPerBlock(shape.head_dim));
  return std::clamp(kManyBlocks / (rows * RowBlocks(shape)), 1, static_cast<int>(in_rounds));
}

KeySplitScratch ScratchOfKeySplits(int most_rows, const HeadShape& shape, int capacity) {
  const int64_t rows = std::min(most_rows, kManyBlocks / 2 / RowBlocks(shape));
  if (rows == 0 || NumKeySplits(1, shape, capacity) == 1) return {};
  const int64_t blocks = NumBlocks(capacity, KeysPerBlock(shape.head_dim));
  return {.part_floats = rows * shape.num_heads * blocks * PartFloats(shape.head_dim),
          .arrivals = rows * RowBlocks(shape)};
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

void AttentionPrefix(const KvLayer<Bf16>& cache, const HeadShape& shape, const Bf16* qk,
                     const PrefixTables& tables, int most_tiles, cudaStream_t stream) {
  // A tile that is beyond these follows another in its block.
  const int tiles = std::min(most_tiles, std::max(1, 2 * kManyBlocks / shape.num_kv_heads));
  const dim3 grid(static_cast<unsigned>(tiles), static_cast<unsigned>(shape.num_kv_heads));
  ForHeadDim("AttentionPrefix", shape, [&]<int kHeadDim>() {
    using Block = PrefixBlock<kHeadDim>;
    LaunchInChain("AttentionPrefix", {grid, Block::kThreads, Block::kBytes}, stream,
                  AttentionPrefixKernel<kHeadDim>, cache, shape, qk, tables);
  });
}

template <typename T>
void AttentionDecode(const KvLayer<T>& cache, const HeadShape& shape, const T* qk,
                     const int32_t* slots, const int32_t* positions, int rows,
                     const PrefixTables& prefixes, const KeySplits& splits, T* out,
                     cudaStream_t stream) {
  const auto count = static_cast<unsigned>(rows);
  ForHeadDim("AttentionDecode", shape, [&]<int kHeadDim>() {
    if constexpr (std::is_same_v<T, float>) {
      using Block = FloatAttention<kHeadDim, 4>;
      const dim3 grid(count, static_cast<unsigned>(shape.num_kv_heads));
      LaunchInChain("AttentionDecode", {grid, Block::kThreads, Block::kBytes}, stream,
                    FloatDecodeKernel<kHeadDim>, cache, shape, qk, slots, positions, out);
    } else {
      using Block = TensorDecode<kHeadDim>;
      const dim3 grid(count, static_cast<unsigned>(RowBlocks(shape)),
                      static_cast<unsigned>(splits.count));
      LaunchInChain("AttentionDecode", {grid, Block::kThreads, Block::kBytes}, stream,
                    TensorDecodeKernel<kHeadDim>, cache, shape, qk, slots, positions, prefixes,
                    splits, out);
    }
  });
}

#define AGON_INSTANTIATE(T)                                                                        \
  template void CopySlot<T>(const KvLayer<T>&, int, int64_t, const HeadShape&, int, int, int,      \
                            cudaStream_t);                                                         \
  template void AttentionDecode<T>(const KvLayer<T>&, const HeadShape&, const T*, const int32_t*,  \
                                   const int32_t*, int, const PrefixTables&, const KeySplits&, T*, \
                                   cudaStream_t);
AGON_INSTANTIATE(float)
AGON_INSTANTIATE(Bf16)
#undef AGON_INSTANTIATE

}  // namespace agon::policy::cuda
