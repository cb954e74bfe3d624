// Kernels that touch each row once: norms, rotary positions, conversion, AdamW.
#pragma once

#include <cmath>

#include "policy/cpu/kernels.h"
#include "policy/cpu/simd.h"

namespace agon::policy::cpu::AGON_ISA {

// 1 / sqrt(mean(x^2) + epsilon) of `count` elements, count a multiple of 16.
template <typename E>
inline float ReciprocalRms(const E* x, int count, float epsilon) {
  F32x16 sum = Zero();
  for (int i = 0; i < count; i += 16) {
    const F32x16 v = Load(x + i);
    sum = Fma(v, v, sum);
  }
  return 1.0f / std::sqrt(Sum(sum) / static_cast<float>(count) + epsilon);
}

template <typename T>
void RmsNorm(const float* x, void* xhat, float* rstd, int begin, int end, int c, float epsilon) {
  for (int row = begin; row < end; ++row) {
    const float* in = x + static_cast<int64_t>(row) * c;
    T* out = static_cast<T*>(xhat) + static_cast<int64_t>(row) * c;
    const float r = ReciprocalRms(in, c, epsilon);
    rstd[row] = r;
    for (int i = 0; i < c; i += 16) Store(out + i, Load(in + i) * Set1(r));
  }
}

template <typename T>
void RmsNormBackward(const float* dxhat, const void* xhat, const float* rstd, float* dx,
                     void* dx_rounded, int begin, int end, int c) {
  for (int row = begin; row < end; ++row) {
    const int64_t at = static_cast<int64_t>(row) * c;
    const float* dy = dxhat + at;
    const T* y = static_cast<const T*>(xhat) + at;
    F32x16 sum = Zero();
    for (int i = 0; i < c; i += 16) sum = Fma(Load(dy + i), Load(y + i), sum);
    const F32x16 mean = Set1(Sum(sum) / static_cast<float>(c));
    const F32x16 r = Set1(rstd[row]);
    for (int i = 0; i < c; i += 16) {
      const F32x16 centred = Load(dy + i) - Load(y + i) * mean;
      const F32x16 d = Fma(r, centred, Load(dx + at + i));
      Store(dx + at + i, d);
      Store(static_cast<T*>(dx_rounded) + at + i, d);
    }
  }
}

template <typename T>
void QkNormRope(const void* qkv, const int32_t* positions, const float* q_gain, const float* k_gain,
                const float* cosine, const float* sine, void* qk, int begin, int end,
                const AttentionShape& shape, float epsilon) {
  const int d = shape.head_dim, half = d / 2;
  for (int row = begin; row < end; ++row) {
    const float* c = cosine + static_cast<int64_t>(positions[row]) * half;
    const float* s = sine + static_cast<int64_t>(positions[row]) * half;
    for (int head = 0; head < shape.num_heads + shape.num_kv_heads; ++head) {
      const T* in = static_cast<const T*>(qkv) + row * shape.QkvStride() + head * d;
      T* out = static_cast<T*>(qk) + row * shape.QkStride() + head * d;
      const float* gain = head < shape.num_heads ? q_gain : k_gain;
      const F32x16 r = Set1(ReciprocalRms(in, d, epsilon));
      for (int i = 0; i < half; i += 16) {
        const F32x16 x = Load(in + i) * r * Load(gain + i);
        const F32x16 y = Load(in + half + i) * r * Load(gain + half + i);
        const F32x16 cos = Load(c + i), sin = Load(s + i);
        Store(out + i, x * cos - y * sin);
        Store(out + half + i, y * cos + x * sin);
      }
    }
  }
}

template <typename T>
void QkNormRopeBackward(const void* qkv, const int32_t* positions, const float* q_gain,
                        const float* k_gain, const float* cosine, const float* sine,
                        const float* dqk, const float* dv, void* dqkv, float* dgains, int begin,
                        int end, const AttentionShape& shape, float epsilon) {
  const int d = shape.head_dim, half = d / 2;
  const int num_rotated = shape.num_heads + shape.num_kv_heads;
  for (int row = begin; row < end; ++row) {
    const float* c = cosine + static_cast<int64_t>(positions[row]) * half;
    const float* s = sine + static_cast<int64_t>(positions[row]) * half;
    T* out_row = static_cast<T*>(dqkv) + row * shape.QkvStride();
    for (int head = 0; head < num_rotated; ++head) {
      const T* in = static_cast<const T*>(qkv) + row * shape.QkvStride() + head * d;
      const float* dy = dqk + row * shape.QkStride() + head * d;
      const bool is_query = head < shape.num_heads;
      const float* gain = is_query ? q_gain : k_gain;
      float* dgain = dgains + (is_query ? 0 : d);
      const float r = ReciprocalRms(in, d, epsilon);
      float unrotated[128];
      F32x16 sum = Zero();
      for (int i = 0; i < half; i += 16) {
        const F32x16 cos = Load(c + i), sin = Load(s + i);
        const F32x16 dx = Load(dy + i) * cos + Load(dy + half + i) * sin;
        const F32x16 dz = Load(dy + half + i) * cos - Load(dy + i) * sin;
        const F32x16 xhat = Load(in + i) * Set1(r), zhat = Load(in + half + i) * Set1(r);
        Store(dgain + i, Fma(dx, xhat, Load(dgain + i)));
        Store(dgain + half + i, Fma(dz, zhat, Load(dgain + half + i)));
        const F32x16 gx = dx * Load(gain + i), gz = dz * Load(gain + half + i);
        Store(unrotated + i, gx);
        Store(unrotated + half + i, gz);
        sum = Fma(gx, xhat, Fma(gz, zhat, sum));
      }
      const F32x16 mean = Set1(Sum(sum) / static_cast<float>(d));
      for (int i = 0; i < d; i += 16) {
        const F32x16 xhat = Load(in + i) * Set1(r);
        Store(out_row + head * d + i, Set1(r) * (Load(unrotated + i) - xhat * mean));
      }
    }
    const int v_width = shape.num_kv_heads * d;
    for (int i = 0; i < v_width; i += 16) {
      Store(out_row + num_rotated * d + i, Load(dv + static_cast<int64_t>(row) * v_width + i));
    }
  }
}

template <typename T>
void ToCompute(const float* source, void* destination, int64_t count) {
  for (int64_t i = 0; i < count; i += 16) Store(static_cast<T*>(destination) + i, Load(source + i));
}

inline double SumOfSquares(const float* x, int64_t count) {
  // Eight fixed lanes: vectorisable, and the same order everywhere.
  double lanes[8] = {};
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    for (int j = 0; j < 8; ++j) lanes[j] += static_cast<double>(x[i + j]) * x[i + j];
  }
  for (; i < count; ++i) lanes[0] += static_cast<double>(x[i]) * x[i];
  return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) +
         ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

inline void UnfoldGain(const float* folded, const float* w, const float* gain, int rows, int c,
                       int begin, int end, bool add, float* dw, float* dgain) {
  for (int col = begin; col < end; col += 16) {
    const F32x16 g = Load(gain + col);
    F32x16 sum = Zero();
    for (int row = 0; row < rows; ++row) {
      const int64_t at = static_cast<int64_t>(row) * c + col;
      const F32x16 d = Load(folded + at);
      sum = Fma(d, Load(w + at), sum);
      Store(dw + at, add ? Fma(d, g, Load(dw + at)) : d * g);
    }
    Store(dgain + col, Load(dgain + col) + sum);
  }
}

// Decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2); zeroes the gradient.
inline void AdamW(float* w, float* g, float* m, float* v, int64_t count, const AdamWArgs& a) {
  const F32x16 scale = Set1(a.grad_scale), beta1 = Set1(a.beta1), beta2 = Set1(a.beta2);
  const F32x16 rest1 = Set1(1.0f - a.beta1), rest2 = Set1(1.0f - a.beta2);
  const F32x16 step = Set1(a.learning_rate / a.bias_correction1);
  const F32x16 inv_correction2 = Set1(1.0f / std::sqrt(a.bias_correction2));
  const F32x16 keep = Set1(1.0f - a.learning_rate * a.weight_decay), epsilon = Set1(a.epsilon);
  const auto update = [&](float* wi, float* gi, float* mi, float* vi) {
    const F32x16 grad = Load(gi) * scale;
    const F32x16 first = Fma(beta1, Load(mi), rest1 * grad);
    const F32x16 second = Fma(beta2, Load(vi), rest2 * grad * grad);
    Store(mi, first);
    Store(vi, second);
    Store(wi, keep * Load(wi) - step * first / Fma(Sqrt(second), inv_correction2, epsilon));
    Store(gi, Zero());
  };
  int64_t i = 0;
  for (; i + 16 <= count; i += 16) update(w + i, g + i, m + i, v + i);
  if (i == count) return;
  float tail[4][16] = {};
  const size_t bytes = static_cast<size_t>(count - i) * sizeof(float);
  float* const arrays[4] = {w + i, g + i, m + i, v + i};
  for (int j = 0; j < 4; ++j) std::memcpy(tail[j], arrays[j], bytes);
  update(tail[0], tail[1], tail[2], tail[3]);
  for (int j = 0; j < 4; ++j) std::memcpy(arrays[j], tail[j], bytes);
}

}  // namespace agon::policy::cpu::AGON_ISA
