// Causal attention with grouped queries.
//
// A query's result is computed from whole score rows: scores, their exact maximum,
// exponentials summed in key order, then the weighted values, in panels of 32 keys
// counted from the sequence's start. Keys after the query get weight 0, which adds exact
// zeros, so a query's bits are the same in a tile of a training batch and alone against a
// cache, with a shared prefix or without.
#pragma once

#include <cmath>

#include "policy/cpu/gemm_kernels.h"
#include "policy/cpu/kernels.h"
#include "policy/cpu/tile.h"

namespace agon::policy::cpu::AGON_ISA {

inline int RoundUp32(int x) { return (x + 31) / 32 * 32; }

// Where a kernel's temporary arrays lie; `max_keys` a multiple of 32.
template <typename T>
struct AttentionScratch {
  static constexpr int kQueryBlock = 48;

  char* keys;         // panels over keys, reduction over head_dim
  char* values;       // panels over head_dim, reduction over keys (forward)
                      // panels over keys, reduction over head_dim (backward)
  char* keys_by_dim;  // panels over head_dim, reduction over keys
  char* queries;      // panels over head_dim, reduction over a query block
  char* douts;        // the same of the output's gradient
  float* scores;      // (kQueryBlock, max_keys)
  float* dscores;     // (kQueryBlock, max_keys)
  T* weights;         // (kQueryBlock, max_keys)
  T* dweights;        // (kQueryBlock, max_keys)
  char* transposed;   // panels over keys, reduction over a query block: weights^T
  float* dkeys;       // (max_keys, head_dim)
  float* dvalues;     // (max_keys, head_dim)
  size_t bytes;

  AttentionScratch(char* base, int head_dim, int max_keys) {
    size_t used = 0;
    const auto take = [&](size_t size) {
      char* p = base ? base + used : nullptr;  // without a base only the sizes count
      used += (size + 63) / 64 * 64;
      return p;
    };
    const size_t panel_bytes = static_cast<size_t>(max_keys) * head_dim * sizeof(T);
    const size_t block = static_cast<size_t>(kQueryBlock) * max_keys;
    keys = take(panel_bytes);
    values = take(panel_bytes);
    keys_by_dim = take(panel_bytes);
    queries = take(kQueryBlock * head_dim * sizeof(T));
    douts = take(kQueryBlock * head_dim * sizeof(T));
    scores = reinterpret_cast<float*>(take(block * 4));
    dscores = reinterpret_cast<float*>(take(block * 4));
    weights = reinterpret_cast<T*>(take(block * sizeof(T)));
    dweights = reinterpret_cast<T*>(take(block * sizeof(T)));
    transposed = take(block * sizeof(T));
    dkeys = reinterpret_cast<float*>(take(static_cast<size_t>(max_keys) * head_dim * 4));
    dvalues = reinterpret_cast<float*>(take(static_cast<size_t>(max_keys) * head_dim * 4));
    bytes = used;
  }
};

template <typename T>
size_t AttentionScratchBytes(const AttentionShape& shape, int max_keys) {
  return AttentionScratch<T>(nullptr, shape.head_dim, RoundUp32(max_keys)).bytes;
}

// One vector (head_dim) as column `key` of panels that reduce over head_dim.
template <typename T>
inline void PutColumn(const T* source, int head_dim, int key, char* panels) {
  const int steps = head_dim / kPair<T>;
  char* out = panels + static_cast<ptrdiff_t>(key / 32) * steps * kPanelStepBytes + key % 32 * 4;
  const char* in = reinterpret_cast<const char*>(source);
  for (int step = 0; step < steps; ++step)
    std::memcpy(out + step * kPanelStepBytes, in + step * 4, 4);
}

// One vector (head_dim) as reduction step element `key` of panels over head_dim.
template <typename T>
inline void PutStep(const T* source, int head_dim, int key, int capacity, char* panels) {
  constexpr int pair = kPair<T>;
  const int steps = capacity / pair;
  for (int panel = 0; panel < head_dim / 32; ++panel) {
    T* out = reinterpret_cast<T*>(panels + (static_cast<ptrdiff_t>(panel) * steps + key / pair) *
                                               kPanelStepBytes) +
             key % pair;
    for (int c = 0; c < 32; ++c) out[c * pair] = source[panel * 32 + c];
  }
}

// Row in the packed arrays of a segment's key number `key`.
inline int64_t KeyRow(const AttentionSegment& segment, int key) {
  return key < segment.prefix_length ? segment.prefix_begin + key
                                     : segment.begin + key - segment.prefix_length;
}

// scores (kRows, keys rounded up to 32) = queries times key panels, scaled.
template <typename T, int kRows>
inline void Scores(const LeftOperand& queries, const char* key_panels, int head_dim, int num_panels,
                   float scale, float* scores, int64_t stride) {
  const int steps = head_dim / kPair<T>;
  for (int panel = 0; panel < num_panels; ++panel) {
    F32x16 acc[kRows][2];
    ClearTile(acc);
    Tile<T, kRows>(queries, key_panels + static_cast<ptrdiff_t>(panel) * steps * kPanelStepBytes,
                   steps, acc);
    for (int r = 0; r < kRows; ++r) {
      Store(scores + r * stride + panel * 32, acc[r][0] * Set1(scale));
      Store(scores + r * stride + panel * 32 + 16, acc[r][1] * Set1(scale));
    }
  }
}

// weights = exp(scores - max) over keys [0, num_keys), zero to `padded`. Returns their sum.
template <typename T>
inline float SoftmaxRow(const float* scores, T* weights, int num_keys, int padded, float* max_out) {
  const auto valid = [&](int j) { return kLanes + j < num_keys; };
  F32x16 max = Set1(scores[0]);
  for (int j = 0; j < num_keys; j += 16) {
    const F32x16 s = Load(scores + j);
    max = Max(max, valid(j) ? s : max);
  }
  const float m = MaxLane(max);
  F32x16 sum = Zero();
  for (int j = 0; j < padded; j += 16) {
    const F32x16 p = valid(j) ? Exp(Load(scores + j) - Set1(m)) : Zero();
    sum = sum + p;
    Store(weights + j, p);
  }
  *max_out = m;
  return Sum(sum);
}

// out (kRows, head_dim) = weights times value panels, each row times inv_sum[row].
template <typename T, int kRows>
inline void WeightedValues(const T* weights, int64_t stride, const char* value_panels, int capacity,
                           int num_keys, int head_dim, const float* inv_sum, T* out,
                           int64_t out_stride) {
  for (int panel = 0; panel < head_dim / 32; ++panel) {
    F32x16 acc[kRows][2];
    ClearTile(acc);
    Tile<T, kRows>(
        RowMajor(weights, stride),
        value_panels + static_cast<ptrdiff_t>(panel) * (capacity / kPair<T>)*kPanelStepBytes,
        num_keys / kPair<T>, acc);
    for (int r = 0; r < kRows; ++r) {
      Store(out + r * out_stride + panel * 32, acc[r][0] * Set1(inv_sum[r]));
      Store(out + r * out_stride + panel * 32 + 16, acc[r][1] * Set1(inv_sum[r]));
    }
  }
}

// Pointers to one kv head's part of the packed arrays. Without rows there may be no arrays.
template <typename T>
struct HeadView {
  const T *queries, *keys, *values;

  HeadView(const AttentionArrays& arrays, const AttentionShape& shape, int kv_head)
      : queries(static_cast<const T*>(arrays.qk)),
        keys(Head(arrays.qk, shape.num_heads + kv_head, shape)),
        values(Head(arrays.qkv, shape.num_heads + shape.num_kv_heads + kv_head, shape)) {}

  static const T* Head(const void* array, int head, const AttentionShape& shape) {
    return array ? static_cast<const T*>(array) + head * shape.head_dim : nullptr;
  }
};

template <typename T>
inline void ZeroPanelTail(char* panels, int capacity, int num_keys, int head_dim, bool by_column) {
  // Columns or steps beyond the last key must hold numbers, not what memory held.
  T zeros[128] = {};
  for (int key = num_keys; key < capacity; ++key) {
    by_column ? PutColumn(zeros, head_dim, key, panels)
              : PutStep(zeros, head_dim, key, capacity, panels);
  }
}

template <typename T>
void AttentionForward(const AttentionArrays& arrays, const AttentionSegment& segment, int kv_head,
                      const AttentionShape& shape, char* scratch) {
  const int d = shape.head_dim, num_keys = segment.NumKeys(), capacity = RoundUp32(num_keys);
  const AttentionScratch<T> s(scratch, d, capacity);
  const HeadView<T> view(arrays, shape, kv_head);
  for (int key = 0; key < num_keys; ++key) {
    const int64_t row = KeyRow(segment, key);
    PutColumn(view.keys + row * shape.QkStride(), d, key, s.keys);
    PutStep(view.values + row * shape.QkvStride(), d, key, capacity, s.values);
  }
  ZeroPanelTail<T>(s.keys, capacity, num_keys, d, true);
  ZeroPanelTail<T>(s.values, capacity, num_keys, d, false);

  const float scale = 1.0f / std::sqrt(static_cast<float>(d));
  const int heads_per_kv = shape.num_heads / shape.num_kv_heads;
  for (int head = kv_head * heads_per_kv; head < (kv_head + 1) * heads_per_kv; ++head) {
    const T* queries = view.queries + segment.begin * shape.QkStride() + head * d;
    T* out = static_cast<T*>(arrays.out) + segment.begin * shape.OutStride() + head * d;
    ForRowTiles(segment.length, [&]<int kRows>(int row) {
      const int padded = RoundUp32(segment.prefix_length + row + kRows);
      Scores<T, kRows>(RowMajor(queries, shape.QkStride()).Row(row), s.keys, d, padded / 32, scale,
                       s.scores, capacity);
      float inv_sum[kRows];
      for (int r = 0; r < kRows; ++r) {
        float max;
        const float sum = SoftmaxRow(s.scores + r * static_cast<int64_t>(capacity),
                                     s.weights + r * static_cast<int64_t>(capacity),
                                     segment.prefix_length + row + r + 1, padded, &max);
        inv_sum[r] = 1.0f / sum;
        arrays.lse[static_cast<int64_t>(segment.begin + row + r) * shape.num_heads + head] =
            max + std::log(sum);
      }
      WeightedValues<T, kRows>(s.weights, capacity, s.values, capacity, padded, d, inv_sum,
                               out + row * shape.OutStride(), shape.OutStride());
    });
  }
}

template <typename T>
void AppendKv(const void* qk, const void* qkv, int64_t row, int kv_head, int position,
              const KvPanels& cache, const AttentionShape& shape) {
  const HeadView<T> view({qk, qkv, nullptr, nullptr}, shape, kv_head);
  PutColumn(view.keys + row * shape.QkStride(), shape.head_dim, position, cache.keys);
  PutStep(view.values + row * shape.QkvStride(), shape.head_dim, position, cache.capacity,
          cache.values);
}

template <typename T>
void AttentionDecode(const AttentionArrays& arrays, int64_t row, int kv_head, int position,
                     const KvPanels& cache, const AttentionShape& shape, char* scratch) {
  const int d = shape.head_dim, padded = RoundUp32(position + 1);
  const AttentionScratch<T> s(scratch, d, cache.capacity);
  const HeadView<T> view(arrays, shape, kv_head);
  const int heads_per_kv = shape.num_heads / shape.num_kv_heads;
  const int first = kv_head * heads_per_kv;
  const T* queries = view.queries + row * shape.QkStride() + first * d;
  T* out = static_cast<T*>(arrays.out) + row * shape.OutStride() + first * d;
  const float scale = 1.0f / std::sqrt(static_cast<float>(d));
  // The group's query heads share the keys: they are the rows of one tile.
  ForRowTiles(heads_per_kv, [&]<int kRows>(int head) {
    Scores<T, kRows>(RowMajor(queries, d).Row(head), cache.keys, d, padded / 32, scale, s.scores,
                     cache.capacity);
    float inv_sum[kRows];
    for (int r = 0; r < kRows; ++r) {
      float max;
      inv_sum[r] = 1.0f / SoftmaxRow(s.scores + r * static_cast<int64_t>(cache.capacity),
                                     s.weights + r * static_cast<int64_t>(cache.capacity),
                                     position + 1, padded, &max);
    }
    WeightedValues<T, kRows>(s.weights, cache.capacity, cache.values, cache.capacity, padded, d,
                             inv_sum, out + head * d, d);
  });
}

}  // namespace agon::policy::cpu::AGON_ISA
