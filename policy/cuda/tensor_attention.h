// Causal attention on tensor cores, for bf16: the one routine that training, prefill and decoding
// share.
//
// A row is one query of one head; a warp has 16 of them and walks keys block by block, counted from
// the sequence's start. A row's maximum, sum and output change only in blocks of which it sees a
// key, by the same products in the same order whatever rows are beside it: the rows of training
// are tokens times heads, those of decoding one token's heads and zeros. Keys that a row doesn't
// see weigh zero, keys that nobody sees are read as zeros. Weights are rounded to bf16 for their
// product with the values; their sum isn't, so the log-sum-exp is that of the scores
// (docs/adr/0027-attention-on-tensor-cores.md).
#pragma once

#include <cmath>

#include "policy/cuda/shared_rows.h"

namespace agon::policy::cuda {

// The running softmax of a warp's 16 rows, of which a lane has FragmentRow() + 8 h, h < 2.
template <int kHeadDim, int kKeys>
class TensorRows {
 public:
  // Rows [first, end) of `rows`, no more than 16.
  template <typename Rows>
  __device__ void Begin(const Rows& rows, int first, int end) {
    const Bf16* queries[2];
    for (int h = 0; h < 2; ++h) {
      const int row = first + FragmentRow() + 8 * h;
      queries[h] = row < end ? rows.Query(row) : nullptr;
      num_keys_[h] = row < end ? rows.NumKeys(row) : 0;
      max_[h] = -INFINITY;
      sum_[h] = 0.0f;
    }
    LoadLeft<kHeadDim>(queries[0], queries[1], query_);
    const int last = first + kMatrix < end ? first + kMatrix : end;
    most_keys_ = first < end ? rows.NumKeys(last - 1) : 0;
#pragma unroll
    for (int n = 0; n < kHeadDim / kColumns; ++n) out_[n] = {};
  }

  // Takes in keys [begin, begin + kKeys). All lanes call it.
  __device__ void Update(const SharedRows<kKeys, kHeadDim>& keys,
                         const SharedRows<kKeys, kHeadDim>& values, int begin, float scale) {
    if (begin >= most_keys_) return;
    SumMatrix scores[kKeys / kColumns];
    TimesRows([&](int k) { return query_[k]; }, keys, scores);
    float keep[2];
    for (int h = 0; h < 2; ++h) keep[h] = Weigh(begin, scale, h, scores);
    LeftMatrix weights[kKeys / kMatrix];
#pragma unroll
    for (int k = 0; k < kKeys / kMatrix; ++k) {
      weights[k] = RoundedToLeft(scores[2 * k], scores[2 * k + 1]);
    }
#pragma unroll
    for (int n = 0; n < kHeadDim / kColumns; n += 2) {
      SumMatrix part[2] = {};
      AddColumns(weights, values, n, part[0], part[1]);
      for (int h = 0; h < 2; ++h) {
        if (begin >= num_keys_[h]) continue;
        for (int i = 2 * h; i < 2 * h + 2; ++i) {
          out_[n].x[i] = fmaf(out_[n].x[i], keep[h], part[0].x[i]);
          out_[n + 1].x[i] = fmaf(out_[n + 1].x[i], keep[h], part[1].x[i]);
        }
      }
    }
  }

  // Writes what Begin's rows have come to. All lanes call it.
  template <typename Rows>
  __device__ void End(const Rows& rows, int first, int end) {
    for (int h = 0; h < 2; ++h) {
      const int row = first + FragmentRow() + 8 * h;
      const float sum = QuadSum(sum_[h]);
      if (row >= end) continue;
      const float inverse = 1.0f / sum;
      Bf16* out = rows.Out(row) + FragmentColumn();
#pragma unroll
      for (int n = 0; n < kHeadDim / kColumns; ++n) {
        Store2(out + n * kColumns, out_[n].x[2 * h] * inverse, out_[n].x[2 * h + 1] * inverse);
      }
      if (FragmentColumn() == 0 && rows.Lse(row)) *rows.Lse(row) = max_[h] + logf(sum);
    }
  }

 private:
  // Makes the products of the lane's row h its weights, and gives the factor of what was before.
  __device__ float Weigh(int begin, float scale, int h, SumMatrix (&scores)[kKeys / kColumns]) {
    const int visible = num_keys_[h] - begin - FragmentColumn();  // of the lane's columns
    const bool sees = begin < num_keys_[h];
    float most = max_[h];
#pragma unroll
    for (int n = 0; n < kKeys / kColumns; ++n) {
      for (int i = 0; i < 2; ++i) {
        float& score = scores[n].x[2 * h + i];
        score = n * kColumns + i < visible ? score * scale : -INFINITY;
        most = fmaxf(most, score);
      }
    }
    most = QuadMax(most);
    const float keep = expf(max_[h] - most);
    float total = 0.0f;
#pragma unroll
    for (int n = 0; n < kKeys / kColumns; ++n) {
      for (int i = 0; i < 2; ++i) {
        float& score = scores[n].x[2 * h + i];
        score = sees ? expf(score - most) : 0.0f;
        total += score;
      }
    }
    if (sees) {
      sum_[h] = fmaf(sum_[h], keep, total);
      max_[h] = most;
    }
    return keep;
  }

  int num_keys_[2], most_keys_;
  float max_[2], sum_[2];  // the sum is over the lane's columns only
  LeftMatrix query_[kHeadDim / kMatrix];
  SumMatrix out_[kHeadDim / kColumns];
};

// A block of kWarps warps, of which kRowWarps have rows; all of them read keys.
template <int kHeadDim, int kRowWarps, int kWarps>
struct TensorAttention {
  static constexpr int kThreads = kWarps * kWarp, kBlockRows = kRowWarps * kMatrix;
  static constexpr int kKeys = kHeadDim <= 64 ? 64 : 32;  // as many as registers hold scores of
  // That are to fit a multiprocessor's registers.
  static constexpr int kBlocks = kHeadDim <= 32 ? 4 : kHeadDim <= 64 ? 3 : 2;
  using Blocks = KeyBlocks<kKeys, kHeadDim>;
  using Shared = typename Blocks::Shared;
  static constexpr size_t kBytes = Blocks::kBytes;

  // Rows [0, num_rows) of `rows`, whose key counts don't fall, against the keys of `source`. All
  // threads of the block call it. `Rows` has Query(row), NumKeys(row), Out(row) and Lse(row),
  // nullptr where it isn't wanted; `Keys` has Key(j) and Value(j).
  template <typename Rows, typename Keys>
  static __device__ void Attend(const Rows& rows, int num_rows, const Keys& source) {
    const float scale = 1.0f / sqrtf(static_cast<float>(kHeadDim));
    const int warp = static_cast<int>(threadIdx.x) / kWarp;
    for (int base = 0; base < num_rows; base += kBlockRows) {
      const int block_end = base + kBlockRows < num_rows ? base + kBlockRows : num_rows;
      const int first = base + warp * kMatrix, end = warp < kRowWarps ? block_end : 0;
      TensorRows<kHeadDim, kKeys> state;
      state.Begin(rows, first, end);
      Blocks::template Walk<kThreads>(
          rows.NumKeys(block_end - 1), [&](int j) { return source.Key(j); },
          [&](int j) { return source.Value(j); },
          [&](const Shared& keys, const Shared& values, int begin) {
            state.Update(keys, values, begin, scale);
          });
      state.End(rows, first, end);
    }
  }
};

}  // namespace agon::policy::cuda
