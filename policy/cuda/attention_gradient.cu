// Gradient of attention, recomputing the weights from the log-sum-exp:
//   P = exp(S - lse), dP = dO V^T, dS = P (dP - rowsum(dO O)) scale,
//   dQ = dS K, dK = dS^T Q, dV = P^T dO.
//
// One kernel owns rows of queries and walks keys, the other owns 32 keys and walks all queries
// that see them, in the order of the batch: no sum needs an atomic. Bound: shared memory.
#include <cmath>

#include "policy/cuda/device.h"
#include "policy/cuda/head_dim.h"
#include "policy/cuda/kernels.h"
#include "policy/cuda/launch.h"
#include "policy/cuda/packed_attention.h"

namespace agon::policy::cuda {
namespace {

constexpr int kWarps = 8, kThreads = kWarps * kWarp;
constexpr int kRows = 32, kKeys = kKeysPerTile, kPerWarp = kRows / kWarps;

// 32 rows of queries against 32 keys, as floats.
template <int kHeadDim>
struct Memory {
  static constexpr int kStride = kHeadDim + 1;  // keeps lanes that read rows off one bank
  static constexpr int kRowFloats = kRows * kHeadDim, kKeyFloats = kKeys * kStride,
                       kSquare = kRows * kKeys;
  static constexpr size_t kBytes = (2 * kRowFloats + 2 * kKeyFloats + 2 * kSquare) * 4;

  __device__ Memory()
      : queries(0, kRowFloats),
        douts(kRowFloats * 4, kRowFloats),
        keys(kRowFloats * 8, kKeyFloats),
        values(kRowFloats * 8 + kKeyFloats * 4, kKeyFloats),
        weights(kRowFloats * 8 + kKeyFloats * 8, kSquare),
        dscores(kRowFloats * 8 + kKeyFloats * 8 + kSquare * 4, kSquare) {}

  DynamicShared<float> queries, douts, keys, values, weights, dscores;
};

template <typename T>
struct Arrays {
  const T *qk, *qkv, *dout;
  const float *lse, *delta;  // delta (tokens, H): rowsum(dO O)
  float *dqk, *dv;
};

// Rows [base, end) of the tokens from `first_query` on, and whatever lies beside them zero.
template <typename T, int kHeadDim>
__device__ void LoadRows(const Memory<kHeadDim>& memory, const Arrays<T>& arrays,
                         const PackedGroup& group, int first_query, int base, int end) {
  for (int i = static_cast<int>(threadIdx.x); i < kRows * kHeadDim; i += kThreads) {
    const int row = base + i / kHeadDim, at = i % kHeadDim;
    const int64_t token = first_query + row / group.heads_per_kv;
    memory.queries[i] = row < end ? ToFloat(arrays.qk[group.Query(token, row) + at]) : 0.0f;
    memory.douts[i] = row < end ? ToFloat(arrays.dout[group.Out(token, row) + at]) : 0.0f;
  }
}

template <typename T, int kHeadDim>
__device__ void LoadKey(const Memory<kHeadDim>& memory, const Arrays<T>& arrays,
                        const PackedGroup& group, int j, int at, int64_t token) {
  memory.keys[j * memory.kStride + at] = ToFloat(arrays.qk[group.Key(token) + at]);
  memory.values[j * memory.kStride + at] = ToFloat(arrays.qkv[group.Value(token) + at]);
}

// P and dS of the loaded rows and keys; a lane has a key, a warp four rows. `sees(row, lane)`
// says where there is a weight.
template <typename T, int kHeadDim, typename Sees>
__device__ void WeightsAndScores(const Memory<kHeadDim>& memory, const Arrays<T>& arrays,
                                 const PackedGroup& group, int first_query, int base,
                                 const Sees& sees) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int first = static_cast<int>(threadIdx.x) / kWarp * kPerWarp;
  const float scale = 1.0f / sqrtf(static_cast<float>(kHeadDim));
  float scores[kPerWarp] = {}, dweights[kPerWarp] = {};
  for (int i = 0; i < kHeadDim; ++i) {
    const float key = memory.keys[lane * memory.kStride + i];
    const float value = memory.values[lane * memory.kStride + i];
    for (int r = 0; r < kPerWarp; ++r) {
      scores[r] = fmaf(memory.queries[(first + r) * kHeadDim + i], key, scores[r]);
      dweights[r] = fmaf(memory.douts[(first + r) * kHeadDim + i], value, dweights[r]);
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
    memory.weights[to] = weight;
    memory.dscores[to] = dscore;
  }
}

// delta = rowsum(dO O), one warp for each token and head.
template <typename T>
__global__ void DeltaKernel(const T* out, const T* dout, int64_t count, int d, float* delta) {
  const int64_t item = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / kWarp;
  if (item >= count) return;
  float sum = 0.0f;
  for (int i = static_cast<int>(threadIdx.x) % kWarp; i < d; i += kWarp) {
    sum = fmaf(ToFloat(out[item * d + i]), ToFloat(dout[item * d + i]), sum);
  }
  sum = WarpSum(sum);
  if (threadIdx.x % kWarp == 0) delta[item] = sum;
}

template <typename T, int kHeadDim>
__global__ void QueryGradientKernel(const AttentionTile* tiles, HeadShape shape, Arrays<T> arrays) {
  constexpr int kEach = kHeadDim / kWarp;
  const AttentionTile tile = tiles[blockIdx.x];
  const PackedGroup group(shape, static_cast<int>(blockIdx.y));
  const Memory<kHeadDim> memory;
  const int thread = static_cast<int>(threadIdx.x), lane = thread % kWarp;
  const int first = thread / kWarp * kPerWarp, num_rows = tile.num_queries * group.heads_per_kv;
  const auto keys_of = [&](int row) {
    return tile.prefix_length + tile.first_query + row / group.heads_per_kv - tile.begin + 1;
  };
  for (int base = 0; base < num_rows; base += kRows) {
    const int end = base + kRows < num_rows ? base + kRows : num_rows;
    float dq[kPerWarp][kEach] = {};
    __syncthreads();
    LoadRows(memory, arrays, group, tile.first_query, base, end);
    const int num_keys = keys_of(end - 1);
    for (int begin = 0; begin < num_keys; begin += kKeys) {
      __syncthreads();
      for (int i = thread; i < kKeys * kHeadDim; i += kThreads) {
        // A key that doesn't exist is stood in for by the last one, and weighs nothing.
        const int j = begin + i / kHeadDim < num_keys ? begin + i / kHeadDim : num_keys - 1;
        LoadKey(memory, arrays, group, i / kHeadDim, i % kHeadDim, KeyToken(tile, j));
      }
      __syncthreads();
      WeightsAndScores(memory, arrays, group, tile.first_query, base,
                       [&](int row, int j) { return row < end && begin + j < keys_of(row); });
      __syncwarp();
      for (int j = 0; j < kKeys; ++j) {
        for (int r = 0; r < kPerWarp; ++r) {
          const float dscore = memory.dscores[(first + r) * kKeys + j];
          for (int k = 0; k < kEach; ++k) {
            dq[r][k] = fmaf(dscore, memory.keys[j * memory.kStride + k * kWarp + lane], dq[r][k]);
          }
        }
      }
    }
    for (int r = 0; r < kPerWarp && base + first + r < end; ++r) {
      const int row = base + first + r;
      float* out = arrays.dqk + group.Query(tile.first_query + row / group.heads_per_kv, row);
      for (int k = 0; k < kEach; ++k) out[k * kWarp + lane] = dq[r][k];
    }
  }
}

template <typename T, int kHeadDim>
__global__ void KeyGradientKernel(const KeyTile* tiles, const QueryRange* ranges, HeadShape shape,
                                  Arrays<T> arrays) {
  constexpr int kEach = kHeadDim / kWarp;
  const KeyTile tile = tiles[blockIdx.x];
  const PackedGroup group(shape, static_cast<int>(blockIdx.y));
  const Memory<kHeadDim> memory;
  const int thread = static_cast<int>(threadIdx.x), lane = thread % kWarp;
  const int first = thread / kWarp * kPerWarp;  // of the keys that this warp owns
  for (int i = thread; i < kKeys * kHeadDim; i += kThreads) {
    const int j = i / kHeadDim < tile.num_keys ? i / kHeadDim : tile.num_keys - 1;
    LoadKey(memory, arrays, group, i / kHeadDim, i % kHeadDim, tile.first_key + j);
  }
  float dk[kPerWarp][kEach] = {}, dv[kPerWarp][kEach] = {};
  for (int n = tile.first_range; n < tile.first_range + tile.num_ranges; ++n) {
    const QueryRange range = ranges[n];
    const int num_rows = range.num_queries * group.heads_per_kv;
    for (int base = 0; base < num_rows; base += kRows) {
      const int end = base + kRows < num_rows ? base + kRows : num_rows;
      __syncthreads();
      LoadRows(memory, arrays, group, range.first_query, base, end);
      __syncthreads();
      WeightsAndScores(memory, arrays, group, range.first_query, base, [&](int row, int j) {
        const int key = tile.first_key + j;
        return row < end && j < tile.num_keys && key < range.key_end &&
               key <= range.first_query + row / group.heads_per_kv;
      });
      __syncthreads();
      for (int row = 0; row < end - base; ++row) {
        for (int r = 0; r < kPerWarp; ++r) {
          const float weight = memory.weights[row * kKeys + first + r];
          const float dscore = memory.dscores[row * kKeys + first + r];
          for (int k = 0; k < kEach; ++k) {
            const int at = row * kHeadDim + k * kWarp + lane;
            dk[r][k] = fmaf(dscore, memory.queries[at], dk[r][k]);
            dv[r][k] = fmaf(weight, memory.douts[at], dv[r][k]);
          }
        }
      }
    }
  }
  for (int r = 0; r < kPerWarp && first + r < tile.num_keys; ++r) {
    const int64_t token = tile.first_key + first + r;
    for (int k = 0; k < kEach; ++k) {
      arrays.dqk[group.Key(token) + k * kWarp + lane] = dk[r][k];
      arrays.dv[group.ValueGradient(token) + k * kWarp + lane] = dv[r][k];
    }
  }
}

}  // namespace

KeyTiles MakeKeyTiles(std::span<const PackedBatch::Segment> segments) {
  KeyTiles result;
  for (const auto& own : segments) {
    for (int i = 0; i < own.length; i += kKeys) {
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
      result.tiles.push_back({first_key, std::min(kKeys, own.length - i), first_range,
                              static_cast<int>(result.ranges.size()) - first_range});
    }
  }
  return result;
}

// A tile, which has a token, has a range for its own segment. The keys of a prefix have one for
// each segment that continues it: for every 32 of them, of which there are rows / 32, and for those
// that are left over, where each such segment has a token of its own to count.
int64_t MostQueryRanges(int rows, int sharers) {
  return 2 * int64_t{rows} + int64_t{rows} * sharers / kKeys;
}

template <typename T>
void AttentionGradient(const AttentionTile* tiles, int num_tiles, const KeyTile* key_tiles,
                       int num_key_tiles, const QueryRange* ranges, const HeadShape& shape,
                       const T* qk, const T* qkv, const T* out, const float* lse, const T* dout,
                       int rows, float* delta, float* dqk, float* dv, cudaStream_t stream) {
  const char* op = "AttentionGradient";
  const int64_t count = static_cast<int64_t>(rows) * shape.num_heads;
  Launch(op, {dim3(NumBlocks(count, kWarps)), kThreads}, stream, DeltaKernel<T>, out, dout, count,
         shape.head_dim, delta);
  const Arrays<T> arrays{qk, qkv, dout, lse, delta, dqk, dv};
  const auto kv_heads = static_cast<unsigned>(shape.num_kv_heads);
  ForHeadDim(op, shape, [&]<int kHeadDim>() {
    constexpr size_t kBytes = Memory<kHeadDim>::kBytes;
    Launch(op, {dim3(static_cast<unsigned>(num_tiles), kv_heads), kThreads, kBytes}, stream,
           QueryGradientKernel<T, kHeadDim>, tiles, shape, arrays);
    Launch(op, {dim3(static_cast<unsigned>(num_key_tiles), kv_heads), kThreads, kBytes}, stream,
           KeyGradientKernel<T, kHeadDim>, key_tiles, ranges, shape, arrays);
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
