// Gradient of causal attention, by blocks of queries:
//   P = exp(S - lse), dP = dO V^T, dS = P (dP - rowsum(dO O)) scale,
//   dQ = dS K, dK += dS^T Q, dV += P^T dO.
#pragma once

#include "policy/cpu/attention_kernels.h"

namespace agon::policy::cpu::AGON_ISA {

// P and dS of one query row into the block's arrays; keys in [num_keys, padded) get 0.
template <typename T>
inline void SoftmaxBackwardRow(const float* scores, const float* dweights_in, float lse,
                               float dot_out, float scale, int num_keys, int padded, T* weights,
                               T* dscores) {
  for (int j = 0; j < padded; j += 16) {
    const I32x16 valid = kLanes + j < num_keys;
    const F32x16 p = valid ? Exp(Load(scores + j) - Set1(lse)) : Zero();
    const F32x16 d = p * (Load(dweights_in + j) - Set1(dot_out)) * Set1(scale);
    Store(weights + j, p);
    Store(dscores + j, valid ? d : Zero());
  }
}

// out (num_keys, head_dim) += block^T times panels, block (rows, padded) row-major.
template <typename T>
inline void AccumulateByKey(const T* block, int64_t stride, int rows, int padded,
                            const char* panels, int head_dim, char* transposed, float* out) {
  PackRows<T>(block, stride, rows, padded, 0, padded / 32, transposed);
  const int steps = (rows + kPair<T> - 1) / kPair<T>;
  for (int key = 0; key < padded; key += 32) {
    const LeftOperand left =
        PanelTransposed(transposed + static_cast<ptrdiff_t>(key / 32) * steps * kPanelStepBytes);
    for (int panel = 0; panel < head_dim / 32; ++panel) {
      const char* b = panels + static_cast<ptrdiff_t>(panel) * steps * kPanelStepBytes;
      ForRowTiles(32, [&]<int kRows>(int row) {
        F32x16 acc[kRows][2];
        ClearTile(acc);
        Tile<T, kRows>(left.Row(row), b, steps, acc);
        for (int r = 0; r < kRows; ++r) {
          float* o = out + static_cast<ptrdiff_t>(key + row + r) * head_dim + panel * 32;
          Store(o, Load(o) + acc[r][0]);
          Store(o + 16, Load(o + 16) + acc[r][1]);
        }
      });
    }
  }
}

template <typename T>
inline float DotRow(const T* a, const T* b, int count) {
  F32x16 sum = Zero();
  for (int i = 0; i < count; i += 16) sum = Fma(Load(a + i), Load(b + i), sum);
  return Sum(sum);
}

// One query head of one segment.
template <typename T>
void AttentionBackwardHead(const AttentionArrays& arrays, const AttentionGradients& gradients,
                           const AttentionSegment& segment, int head, const AttentionShape& shape,
                           int capacity, const AttentionScratch<T>& s) {
  const int d = shape.head_dim;
  const float scale = 1.0f / std::sqrt(static_cast<float>(d));
  const int64_t q_stride = shape.QkStride(), o_stride = shape.OutStride();
  const T* queries = static_cast<const T*>(arrays.qk) + segment.begin * q_stride + head * d;
  const T* out = static_cast<const T*>(arrays.out) + segment.begin * o_stride + head * d;
  const T* dout = static_cast<const T*>(gradients.dout) + segment.begin * o_stride + head * d;
  float* dqueries = gradients.dqk + segment.begin * q_stride + head * d;
  const float* lse = arrays.lse + static_cast<int64_t>(segment.begin) * shape.num_heads + head;

  for (int begin = 0; begin < segment.length; begin += s.kQueryBlock) {
    const int rows =
        segment.length - begin < s.kQueryBlock ? segment.length - begin : s.kQueryBlock;
    const int padded = RoundUp32(segment.prefix_length + begin + rows);
    ForRowTiles(rows, [&]<int kRows>(int row) {
      Scores<T, kRows>(RowMajor(queries, q_stride).Row(begin + row), s.keys, d, padded / 32, scale,
                       s.scores + row * static_cast<int64_t>(capacity), capacity);
      Scores<T, kRows>(RowMajor(dout, o_stride).Row(begin + row), s.values, d, padded / 32, 1.0f,
                       s.dscores + row * static_cast<int64_t>(capacity), capacity);
      for (int r = 0; r < kRows; ++r) {
        const int query = begin + row + r;
        const int64_t at = (row + r) * static_cast<int64_t>(capacity);
        SoftmaxBackwardRow(
            s.scores + at, s.dscores + at, lse[static_cast<int64_t>(query) * shape.num_heads],
            DotRow(dout + query * o_stride, out + query * o_stride, d), scale,
            segment.prefix_length + query + 1, padded, s.weights + at, s.dweights + at);
      }
      for (int panel = 0; panel < d / 32; ++panel) {
        F32x16 acc[kRows][2];
        ClearTile(acc);
        Tile<T, kRows>(
            RowMajor(s.dweights, capacity).Row(row),
            s.keys_by_dim + static_cast<ptrdiff_t>(panel) * (capacity / kPair<T>)*kPanelStepBytes,
            padded / kPair<T>, acc);
        for (int r = 0; r < kRows; ++r) {
          float* dq = dqueries + (begin + row + r) * q_stride + panel * 32;
          Store(dq, acc[r][0]);
          Store(dq + 16, acc[r][1]);
        }
      }
    });
    PackRows<T>(queries + begin * q_stride, q_stride, rows, d, 0, d / 32, s.queries);
    PackRows<T>(dout + begin * o_stride, o_stride, rows, d, 0, d / 32, s.douts);
    AccumulateByKey<T>(s.dweights, capacity, rows, padded, s.queries, d, s.transposed, s.dkeys);
    AccumulateByKey<T>(s.weights, capacity, rows, padded, s.douts, d, s.transposed, s.dvalues);
  }
}

template <typename T>
void AttentionBackward(const AttentionArrays& arrays, const AttentionGradients& gradients,
                       const AttentionSegment& segment, int kv_head, const AttentionShape& shape,
                       char* scratch) {
  const int d = shape.head_dim, num_keys = segment.NumKeys(), capacity = RoundUp32(num_keys);
  const AttentionScratch<T> s(scratch, d, capacity);
  const HeadView<T> view(arrays, shape, kv_head);
  for (int key = 0; key < num_keys; ++key) {
    const int64_t row = KeyRow(segment, key);
    PutColumn(view.keys + row * shape.QkStride(), d, key, s.keys);
    PutColumn(view.values + row * shape.QkvStride(), d, key, s.values);
    PutStep(view.keys + row * shape.QkStride(), d, key, capacity, s.keys_by_dim);
  }
  ZeroPanelTail<T>(s.keys, capacity, num_keys, d, true);
  ZeroPanelTail<T>(s.values, capacity, num_keys, d, true);
  ZeroPanelTail<T>(s.keys_by_dim, capacity, num_keys, d, false);
  std::memset(s.dkeys, 0, static_cast<size_t>(capacity) * d * sizeof(float));
  std::memset(s.dvalues, 0, static_cast<size_t>(capacity) * d * sizeof(float));

  const int heads_per_kv = shape.num_heads / shape.num_kv_heads;
  for (int head = kv_head * heads_per_kv; head < (kv_head + 1) * heads_per_kv; ++head) {
    AttentionBackwardHead<T>(arrays, gradients, segment, head, shape, capacity, s);
  }

  const int64_t v_stride = static_cast<int64_t>(shape.num_kv_heads) * d;
  for (int key = 0; key < num_keys; ++key) {
    const int64_t row = KeyRow(segment, key);
    float* dk = gradients.dqk + row * shape.QkStride() + (shape.num_heads + kv_head) * d;
    float* dv = gradients.dv + row * v_stride + kv_head * d;
    for (int i = 0; i < d; i += 16) {
      Store(dk + i, Load(dk + i) + Load(s.dkeys + static_cast<ptrdiff_t>(key) * d + i));
      Store(dv + i, Load(dv + i) + Load(s.dvalues + static_cast<ptrdiff_t>(key) * d + i));
    }
  }
}

}  // namespace agon::policy::cpu::AGON_ISA
