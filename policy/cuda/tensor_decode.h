// One decoded token's heads that share a head of keys, on tensor cores, for bf16: each warp
// computes blocks of keys by itself, and a block's threads, or those of the last of several blocks,
// merge them in order. The bits are those of TensorAttention, however many blocks there are.
#pragma once

#include "policy/cuda/tensor_attention.h"

namespace agon::policy::cuda {

// Whether the block is the last of `count` to come here; then it sees what all of them wrote
// before. All threads call it. `arrivals` is zero, and is again once all have come.
__device__ inline bool IsLastOf(int32_t* arrivals, int count) {
  __shared__ SharedArray<int32_t, 1> is_last;
  __syncthreads();
  if (threadIdx.x == 0) {
    __threadfence();
    const bool all_came = atomicAdd(arrivals, 1) == count - 1;
    if (all_came) *arrivals = 0;
    __threadfence();
    is_last[0] = all_came ? 1 : 0;
  }
  __syncthreads();
  const int32_t is = is_last[0];
  return is != 0;
}

// The running softmax of up to 16 rows; eight threads share a row's columns.
template <int kHeadDim>
class MergedRows {
 public:
  static constexpr int kThreads = 8 * kMatrix;

  __device__ MergedRows() {
    for (float& x : out_) x = 0.0f;
  }
  __device__ static int Row() { return static_cast<int>(threadIdx.x) / 8; }

  // Goes on from what TensorRows::End set aside.
  __device__ void Begin(const float* part) {
#pragma unroll
    for (int i = 0; i < kEach; ++i) out_[i] = part[Column() + i];
    sum_ = part[kHeadDim];
    max_ = part[kHeadDim + 1];
  }

  // Takes in a block of keys: its output, sum and maximum begin at part[at].
  template <typename Part>
  __device__ void Add(const Part& part, int64_t at) {
    const float sum = part[at + kHeadDim], max = part[at + kHeadDim + 1];
    const Merge merge(max_, max);
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
      const float x = part[at + Column() + i];
      out_[i] = merge(out_[i], x);
    }
    sum_ = merge(sum_, sum);
    max_ = merge.max;
  }

  // The row's output.
  __device__ void End(Bf16* out) const {
    const float inverse = 1.0f / sum_;
#pragma unroll
    for (int i = 0; i < kEach; i += 4) {
      Store4(out + Column() + i,
             Scale4(make_float4(out_[i], out_[i + 1], out_[i + 2], out_[i + 3]), inverse));
    }
  }

 private:
  static constexpr int kEach = kHeadDim / 8;
  __device__ static int Column() { return static_cast<int>(threadIdx.x) % 8 * kEach; }

  float max_ = -INFINITY, sum_ = 0.0f, out_[kEach];
};

template <int kHeadDim>
class TensorDecode {
  using Queries = TensorQueries<kHeadDim>;
  using Shared = typename Queries::Shared;

 public:
  static constexpr int kWarps = 4, kThreads = kWarps * kWarp, kKeys = Queries::kKeys;
  static constexpr int kBlocks =
      kHeadDim <= 64 ? 3 : 2;  // that are to fit a multiprocessor's registers
  static constexpr int kPart = PartFloats(kHeadDim);
  static constexpr size_t kBytes = 2 * kWarps * Shared::kBytes;
  static_assert(kThreads == MergedRows<kHeadDim>::kThreads);
  static_assert(kMatrix * kPart * 4 <= Shared::kBytes, "parts take the place of keys");

  // Blocks [first, end) of keys that `count` heads see, of which num_splits blocks of threads share
  // the work; this is number `split` of them. Beyond what TensorAttention asks of rows, Before(row)
  // is what row has come to before `first`, where that isn't 0. With several splits, Part(row,
  // block) is where its output, sum and maximum of a block of keys go, and Arrivals() counts who is
  // done.
  struct Work {
    int first, end, split, num_splits;
  };
  template <typename Rows, typename Keys>
  static __device__ void Attend(const Rows& rows, int count, const Keys& source, const Work& work) {
    const Queries queries(rows, 0, count);
    const int warp = static_cast<int>(threadIdx.x) / kWarp;
    MergedRows<kHeadDim> merged;
    const bool merges = merged.Row() < count;
    if (merges && work.first > 0) merged.Begin(rows.Before(merged.Row()));
    if (work.num_splits == 1) {
      for (int round = work.first; round < work.end; round += kWarps) {
        const int block = round + warp;
        if (block < work.end) {
          const DynamicShared<float> part(PartAt(warp), kMatrix * kPart);
          Compute(queries, source, rows.NumKeys(0), block, count,
                  [&](int row, int at, float x) { part[row * kPart + at] = x; });
        }
        __syncthreads();
        for (int w = 0; w < kWarps && round + w < work.end; ++w) {
          const DynamicShared<float> part(PartAt(w), kMatrix * kPart);
          if (merges) merged.Add(part, merged.Row() * kPart);
        }
        __syncthreads();
      }
    } else {
      for (int block = work.first + work.split * kWarps + warp; block < work.end;
           block += work.num_splits * kWarps) {
        Compute(queries, source, rows.NumKeys(0), block, count,
                [&](int row, int at, float x) { rows.Part(row, block)[at] = x; });
      }
      if (!IsLastOf(rows.Arrivals(), work.num_splits)) return;
      for (int block = work.first; merges && block < work.end; ++block) {
        merged.Add(rows.Part(merged.Row(), block), 0);
      }
    }
    if (merges) merged.End(rows.Out(merged.Row()));
  }

 private:
  // Where a warp's keys are, its values behind them; and its parts, once nobody needs the keys.
  static __device__ int64_t PartAt(int warp) { return 2 * warp * Shared::kBytes; }

  // put(row, at, x) for the output, sum and maximum of each row in block `block` of keys. A warp's
  // lanes call it.
  template <typename Keys, typename Put>
  static __device__ void Compute(const Queries& queries, const Keys& source, int num_keys,
                                 int block, int count, const Put& put) {
    const int begin = block * kKeys, lane = static_cast<int>(threadIdx.x) % kWarp;
    const int64_t at = PartAt(static_cast<int>(threadIdx.x) / kWarp);
    const Shared keys(at), values(at + Shared::kBytes);
    __syncwarp();  // after the block before
    keys.Load([&](int j) { return source.Key(begin + j); }, num_keys - begin, lane, kWarp);
    values.Load([&](int j) { return source.Value(begin + j); }, num_keys - begin, lane, kWarp);
    WaitForCopies();
    __syncwarp();
    const auto weights = queries.Weigh(keys, begin, 1.0f / sqrtf(static_cast<float>(kHeadDim)));
    __syncwarp();
#pragma unroll
    for (int n = 0; n < kHeadDim / kColumns; n += 2) {
      const BlockOutput<kHeadDim> output(weights, values, n);
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        const int half = i / 4, h = i / 2 % 2, row = FragmentRow() + 8 * h;
        if (row >= count) continue;
        put(row, (n + half) * kColumns + FragmentColumn() + i % 2, output.x[half].x[i % 4]);
      }
    }
    for (int h = 0; h < 2; ++h) {
      const int row = FragmentRow() + 8 * h;
      if (row >= count || FragmentColumn() > 0) continue;
      put(row, kHeadDim, weights.sum[h]);
      put(row, kHeadDim + 1, weights.max[h]);
    }
  }
};

}  // namespace agon::policy::cuda
