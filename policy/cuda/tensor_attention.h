// Causal attention on tensor cores, for bf16: the one routine that training, prefill and decoding
// share.
//
// A row is one query of one head; a warp has 16 of them. Keys come in blocks, counted from the
// sequence's start. Each block has a softmax of its own, and those are merged in order; so a row
// has the same bits whoever computed which block, and whatever rows are beside it: the rows of
// training are tokens times heads, those of decoding one token's heads and zeros. A row takes part
// only in blocks of which it sees a key. Keys that it doesn't see weigh zero, keys that nobody sees
// are read as zeros. Weights are rounded to bf16 for their product with the values; their sum
// isn't, so the log-sum-exp is that of the scores (docs/adr/0027-attention-on-tensor-cores.md,
// docs/adr/0028-parts-of-keys.md).
#pragma once

#include <cmath>

#include "policy/cuda/kernels.h"
#include "policy/cuda/shared_rows.h"

namespace agon::policy::cuda {

// What becomes of a softmax and of one over later keys, given their maxima. The first may be that
// of no keys: -infinity.
struct Merge {
  float max, keep, gain;

  __device__ Merge(float before, float part)
      : max(fmaxf(before, part)), keep(expf(before - max)), gain(expf(part - max)) {}
  // Of both sums, or of an element of both outputs.
  __device__ float operator()(float before, float part) const {
    return fmaf(before, keep, part * gain);
  }
};

// A warp's 16 rows, of which a lane has FragmentRow() + 8 h, h < 2.
template <int kHeadDim>
class TensorQueries {
 public:
  static constexpr int kKeys = KeysPerBlock(kHeadDim);  // registers hold as many scores
  using Shared = SharedRows<kKeys, kHeadDim>;

  // Of a block of keys: what values are multiplied with, and the two rows' maxima and sums.
  struct Weights {
    LeftMatrix of_keys[kKeys / kMatrix];
    float max[2], sum[2];
  };

  // Rows [first, end) of `rows`, no more than 16. A query that is nullptr is zeros.
  template <typename Rows>
  __device__ TensorQueries(const Rows& rows, int first, int end) {
    const Bf16* queries[2];
    for (int h = 0; h < 2; ++h) {
      const int row = first + FragmentRow() + 8 * h;
      queries[h] = row < end ? rows.Query(row) : nullptr;
      num_keys_[h] = row < end ? rows.NumKeys(row) : 0;
    }
    LoadLeft<kHeadDim>(queries[0], queries[1], query_);
    const int last = first + kMatrix < end ? first + kMatrix : end;
    most_keys_ = first < end ? rows.NumKeys(last - 1) : 0;
  }

  // Whether one of the rows, or row h of the lane, sees a key from `begin` on.
  __device__ bool AnySees(int begin) const { return begin < most_keys_; }
  __device__ bool Sees(int begin, int h) const { return begin < num_keys_[h]; }

  // Of keys [begin, begin + kKeys). All lanes call it.
  __device__ Weights Weigh(const Shared& keys, int begin, float scale) const {
    SumMatrix scores[kKeys / kColumns];
    TimesRows([&](int k) { return query_[k]; }, keys, scores);
    Weights weights;
    for (int h = 0; h < 2; ++h) WeighRow(begin, scale, h, scores, weights);
#pragma unroll
    for (int k = 0; k < kKeys / kMatrix; ++k) {
      weights.of_keys[k] = RoundedToLeft(scores[2 * k], scores[2 * k + 1]);
    }
    return weights;
  }

 private:
  // Makes the products of the lane's row h its weights.
  __device__ void WeighRow(int begin, float scale, int h, SumMatrix (&scores)[kKeys / kColumns],
                           Weights& weights) const {
    const int visible = num_keys_[h] - begin - FragmentColumn();  // of the lane's columns
    float most = -INFINITY;
#pragma unroll
    for (int n = 0; n < kKeys / kColumns; ++n) {
      for (int i = 0; i < 2; ++i) {
        float& score = scores[n].x[2 * h + i];
        score = n * kColumns + i < visible ? score * scale : -INFINITY;
        most = fmaxf(most, score);
      }
    }
    most = QuadMax(most);
    float total = 0.0f;
#pragma unroll
    for (int n = 0; n < kKeys / kColumns; ++n) {
      for (int i = 0; i < 2; ++i) {
        float& score = scores[n].x[2 * h + i];
        score = Sees(begin, h) ? expf(score - most) : 0.0f;
        total += score;
      }
    }
    weights.max[h] = most;
    weights.sum[h] = QuadSum(total);
  }

  int num_keys_[2], most_keys_;
  LeftMatrix query_[kHeadDim / kMatrix];
};

// Columns [8 n, 8 n + 8) and the next eight of a block's output, not yet divided by its sum.
template <int kHeadDim>
struct BlockOutput {
  SumMatrix x[2] = {};

  template <typename Weights, typename Shared>
  __device__ BlockOutput(const Weights& weights, const Shared& values, int n) {
    AddColumns(weights.of_keys, values, n, x[0], x[1]);
  }
};

// The running softmax of a warp's rows.
template <int kHeadDim>
class TensorRows {
 public:
  template <typename Rows>
  __device__ TensorRows(const Rows& rows, int first, int end) : queries_(rows, first, end) {
    for (int h = 0; h < 2; ++h) {
      max_[h] = -INFINITY;
      sum_[h] = 0.0f;
    }
#pragma unroll
    for (int n = 0; n < kHeadDim / kColumns; ++n) out_[n] = {};
  }

  // Takes in keys from `begin` on. All lanes call it.
  template <typename Shared>
  __device__ void Update(const Shared& keys, const Shared& values, int begin, float scale) {
    if (!queries_.AnySees(begin)) return;
    const auto weights = queries_.Weigh(keys, begin, scale);
    const Merge merge[2] = {{max_[0], weights.max[0]}, {max_[1], weights.max[1]}};
#pragma unroll
    for (int n = 0; n < kHeadDim / kColumns; n += 2) {
      const BlockOutput<kHeadDim> part(weights, values, n);
      for (int h = 0; h < 2; ++h) {
        if (!queries_.Sees(begin, h)) continue;
        for (int i = 2 * h; i < 2 * h + 2; ++i) {
          out_[n].x[i] = merge[h](out_[n].x[i], part.x[0].x[i]);
          out_[n + 1].x[i] = merge[h](out_[n + 1].x[i], part.x[1].x[i]);
        }
      }
    }
    for (int h = 0; h < 2; ++h) {
      if (!queries_.Sees(begin, h)) continue;
      sum_[h] = merge[h](sum_[h], weights.sum[h]);
      max_[h] = merge[h].max;
    }
  }

  // What rows [first, end) have come to goes where `Rows` says: finished to Out(row) and Lse(row),
  // nullptr where it isn't wanted; or, of rows that see more keys elsewhere, to Part(row) as the
  // output, not yet divided, the sum and the maximum.
  template <typename Rows>
  __device__ void End(const Rows& rows, int first, int end) const {
    for (int h = 0; h < 2; ++h) {
      const int row = first + FragmentRow() + 8 * h;
      if (row >= end) continue;
      if constexpr (requires { rows.Part(row); }) {
        if (float* part = rows.Part(row)) SetAside(h, part);
      } else {
        Finish(h, rows.Out(row), rows.Lse(row));
      }
    }
  }

 private:
  __device__ void Finish(int h, Bf16* out, float* lse) const {
    const float inverse = 1.0f / sum_[h];
#pragma unroll
    for (int n = 0; n < kHeadDim / kColumns; ++n) {
      Store2(out + n * kColumns + FragmentColumn(), out_[n].x[2 * h] * inverse,
             out_[n].x[2 * h + 1] * inverse);
    }
    if (FragmentColumn() == 0 && lse) *lse = max_[h] + logf(sum_[h]);
  }
  __device__ void SetAside(int h, float* part) const {
#pragma unroll
    for (int n = 0; n < kHeadDim / kColumns; ++n) {
      Store2(part + n * kColumns + FragmentColumn(), out_[n].x[2 * h], out_[n].x[2 * h + 1]);
    }
    if (FragmentColumn() == 0) Store2(part + kHeadDim, sum_[h], max_[h]);
  }

  TensorQueries<kHeadDim> queries_;
  float max_[2], sum_[2];
  SumMatrix out_[kHeadDim / kColumns];
};

// A block of kWarps warps, of which each has 16 rows; all of them read keys.
template <int kHeadDim, int kWarps>
struct TensorAttention {
  static constexpr int kThreads = kWarps * kWarp, kBlockRows = kWarps * kMatrix;
  // That are to fit a multiprocessor's registers.
  static constexpr int kBlocks = kHeadDim <= 32 ? 4 : kHeadDim <= 64 ? 3 : 2;
  using Blocks = KeyBlocks<KeysPerBlock(kHeadDim), kHeadDim>;
  using Shared = typename Blocks::Shared;
  static constexpr size_t kBytes = Blocks::kBytes;

  // Rows [0, num_rows) of `rows`, whose key counts don't fall, against the keys of `source`. All
  // threads of the block call it. `Rows` has Query(row), NumKeys(row) and what TensorRows::End asks
  // for; `Keys` has Key(j) and Value(j).
  template <typename Rows, typename Keys>
  static __device__ void Attend(const Rows& rows, int num_rows, const Keys& source) {
    const float scale = 1.0f / sqrtf(static_cast<float>(kHeadDim));
    const int warp = static_cast<int>(threadIdx.x) / kWarp;
    for (int base = 0; base < num_rows; base += kBlockRows) {
      const int end = base + kBlockRows < num_rows ? base + kBlockRows : num_rows;
      const int first = base + warp * kMatrix;
      TensorRows<kHeadDim> state(rows, first, end);
      Blocks::template Walk<kThreads>(
          rows.NumKeys(end - 1), [&](int j) { return source.Key(j); },
          [&](int j) { return source.Value(j); },
          [&](const Shared& keys, const Shared& values, int begin) {
            state.Update(keys, values, begin, scale);
          });
      state.End(rows, first, end);
    }
  }
};

}  // namespace agon::policy::cuda
