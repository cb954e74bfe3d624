// Gradient of attention, recomputing the weights from the log-sum-exp:
//   P = exp(S - lse), dP = dO V^T, dS = P (dP - rowsum(dO O)) scale,
//   dQ = dS K, dK = dS^T Q, dV = P^T dO.
//
// One kernel owns rows of queries and walks keys, the other owns keys and walks all queries that
// see them, in the order of the batch: no sum needs an atomic. fp32 is computed on fp32 cores
// (float_gradient.h), bf16 on tensor cores (tensor_gradient.h).
#include <algorithm>
#include <type_traits>

#include "policy/cuda/device.h"
#include "policy/cuda/float_gradient.h"
#include "policy/cuda/head_dim.h"
#include "policy/cuda/kernels.h"
#include "policy/cuda/launch.h"
#include "policy/cuda/packed_attention.h"
#include "policy/cuda/tensor_gradient.h"

namespace agon::policy::cuda {
namespace {

constexpr int kDeltaWarps = 8;

template <typename T, int kHeadDim>
using QueryBlock = std::conditional_t<std::is_same_v<T, float>, FloatQueryGradient<kHeadDim>,
                                      TensorQueryGradient<kHeadDim>>;
template <typename T, int kHeadDim>
using KeyBlock = std::conditional_t<std::is_same_v<T, float>, FloatKeyGradient<kHeadDim>,
                                    TensorKeyGradient<kHeadDim>>;

// delta = rowsum(dO O), one warp for each token and head.
template <typename T>
__global__ void DeltaKernel(const T* out, const T* dout, int64_t count, int d, float* delta) {
  const int64_t item = static_cast<int64_t>(blockIdx.x) * kDeltaWarps + threadIdx.x / kWarp;
  if (item >= count) return;
  float sum = 0.0f;
  for (int i = static_cast<int>(threadIdx.x) % kWarp; i < d; i += kWarp) {
    sum = fmaf(ToFloat(out[item * d + i]), ToFloat(dout[item * d + i]), sum);
  }
  sum = WarpSum(sum);
  if (threadIdx.x % kWarp == 0) delta[item] = sum;
}

template <typename T, int kHeadDim>
__global__ void QueryGradientKernel(const AttentionTile* tiles, HeadShape shape,
                                    GradientArrays<T> arrays) {
  const PackedGroup group(shape, TileGrid::KvHead(shape));
  QueryBlock<T, kHeadDim>::Run(tiles[TileGrid::Tile(shape)], group, arrays);
}

template <typename T, int kHeadDim>
__global__ void KeyGradientKernel(const KeyTile* tiles, const QueryRange* ranges, HeadShape shape,
                                  GradientArrays<T> arrays) {
  const PackedGroup group(shape, TileGrid::KvHead(shape));
  KeyBlock<T, kHeadDim>::Run(tiles[TileGrid::Tile(shape)], static_cast<int>(blockIdx.y), ranges,
                             group, arrays);
}

}  // namespace

KeyTiles MakeKeyTiles(std::span<const PackedBatch::Segment> segments) {
  KeyTiles result;
  for (const auto& own : segments) {
    for (int i = 0; i < own.length; i += kKeysPerTile) {
      const int first_key = own.begin + i;
      const int first_range = static_cast<int>(result.ranges.size());
      // Queries before the key don't see it.
      result.ranges.push_back({first_key, own.length - i, own.begin + own.length});
      for (const auto& other : segments) {
        const int key_end = other.prefix_begin + other.prefix_length;
        if (other.prefix_length > 0 && other.prefix_begin <= first_key && first_key < key_end) {
          result.ranges.push_back({other.begin, other.length, key_end});
        }
      }
      result.tiles.push_back({first_key, std::min(kKeysPerTile, own.length - i), first_range,
                              static_cast<int>(result.ranges.size()) - first_range});
    }
  }
  // A prefix's keys are seen by all that continue it: begun last, they would be waited for alone.
  const auto num_queries = [&](const KeyTile& tile) {
    int64_t sum = 0;
    for (int i = 0; i < tile.num_ranges; ++i) {
      sum += result.ranges[static_cast<size_t>(tile.first_range + i)].num_queries;
    }
    return sum;
  };
  std::stable_sort(result.tiles.begin(), result.tiles.end(),
                   [&](const auto& a, const auto& b) { return num_queries(a) > num_queries(b); });
  return result;
}

// A tile, which has a token, has a range for its own segment. The keys of a prefix have one for
// each segment that continues it: for every 64 of them, of which there are rows / 64, and for those
// that are left over, where each such segment has a token of its own to count.
int64_t MostQueryRanges(int rows, int sharers) {
  return 2 * int64_t{rows} + int64_t{rows} * sharers / kKeysPerTile;
}

template <typename T>
void AttentionGradient(const AttentionTile* tiles, int num_tiles, const KeyTile* key_tiles,
                       int num_key_tiles, const QueryRange* ranges, const HeadShape& shape,
                       const T* qk, const T* qkv, const T* out, const float* lse, const T* dout,
                       int rows, float* delta, float* dqk, float* dv, cudaStream_t stream) {
  const char* op = "AttentionGradient";
  const int64_t count = static_cast<int64_t>(rows) * shape.num_heads;
  Launch(op, {dim3(NumBlocks(count, kDeltaWarps)), kDeltaWarps * kWarp}, stream, DeltaKernel<T>,
         out, dout, count, shape.head_dim, delta);
  const GradientArrays<T> arrays{qk, qkv, dout, lse, delta, dqk, dv};
  ForHeadDim(op, shape, [&]<int kHeadDim>() {
    using Queries = QueryBlock<T, kHeadDim>;
    using Keys = KeyBlock<T, kHeadDim>;
    const dim3 key_grid(TileGrid::Blocks(num_key_tiles, shape), Keys::kParts);
    Launch(op, {TileGrid::Blocks(num_tiles, shape), Queries::kThreads, Queries::kBytes}, stream,
           QueryGradientKernel<T, kHeadDim>, tiles, shape, arrays);
    Launch(op, {key_grid, Keys::kThreads, Keys::kBytes}, stream, KeyGradientKernel<T, kHeadDim>,
           key_tiles, ranges, shape, arrays);
  });
}

#define AGON_INSTANTIATE(T)                                                                   \
  template void AttentionGradient<T>(const AttentionTile*, int, const KeyTile*, int,          \
                                     const QueryRange*, const HeadShape&, const T*, const T*, \
                                     const T*, const float*, const T*, int, float*, float*,   \
                                     float*, cudaStream_t);
AGON_INSTANTIATE(float)
AGON_INSTANTIATE(Bf16)
#undef AGON_INSTANTIATE

}  // namespace agon::policy::cuda
