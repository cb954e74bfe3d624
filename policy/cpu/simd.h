// Sixteen floats at a time, the same source for every instruction set.
//
// Included by kernels_<isa>.cc only, inside whose namespace everything lands: the same
// names compiled for two instruction sets must not meet in the linker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#endif

namespace agon::policy::cpu::AGON_ISA {

using F32x16 = float __attribute__((vector_size(64)));
using I32x16 = int32_t __attribute__((vector_size(64)));

struct Bf16 {
  uint16_t bits;
};

// Elements of T that stand side by side in the four bytes of one reduction step.
template <typename T>
inline constexpr int kPair = 4 / sizeof(T);

inline F32x16 Set1(float x) { return F32x16{x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}; }
inline F32x16 Zero() { return Set1(0.0f); }

inline F32x16 LoadRaw(const void* p) {
  F32x16 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline void StoreRaw(void* p, F32x16 v) { std::memcpy(p, &v, sizeof v); }

// The same four bytes in every lane.
inline F32x16 Broadcast32(const void* p) {
  float x;
  std::memcpy(&x, p, sizeof x);
  return Set1(x);
}

inline F32x16 Fma(F32x16 a, F32x16 b, F32x16 c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_ps(a, b, c);
#elif defined(__FMA__)
  __m256 x[2], y[2], z[2];
  std::memcpy(x, &a, 64), std::memcpy(y, &b, 64), std::memcpy(z, &c, 64);
  z[0] = _mm256_fmadd_ps(x[0], y[0], z[0]);
  z[1] = _mm256_fmadd_ps(x[1], y[1], z[1]);
  std::memcpy(&c, z, 64);
  return c;
#else
  return a * b + c;
#endif
}

inline F32x16 Max(F32x16 a, F32x16 b) { return a > b ? a : b; }
inline F32x16 Min(F32x16 a, F32x16 b) { return a < b ? a : b; }

inline F32x16 Sqrt(F32x16 x) {
#if defined(__AVX512F__)
  return _mm512_sqrt_ps(x);
#else
  float lanes[16];
  std::memcpy(lanes, &x, sizeof x);
  for (float& lane : lanes) lane = __builtin_sqrtf(lane);
  return LoadRaw(lanes);
#endif
}

inline F32x16 Load(const float* p) { return LoadRaw(p); }
inline void Store(float* p, F32x16 v) { StoreRaw(p, v); }

#if defined(__AVX512BF16__)
inline F32x16 Load(const Bf16* p) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}
inline void Store(Bf16* p, F32x16 v) {
  const __m256bh bits = _mm512_cvtneps_pbh(v);
  std::memcpy(p, &bits, sizeof bits);
}
#endif

// acc += a * b over the one (fp32) or two (bf16) products of a reduction step.
template <typename T>
inline F32x16 Dot(F32x16 acc, F32x16 a, F32x16 b) {
#if defined(__AVX512BF16__)
  if constexpr (sizeof(T) == 2) {
    return _mm512_dpbf16_ps(acc, (__m512bh)a, (__m512bh)b);
  }
#endif
  return Fma(a, b, acc);
}

// Sum of the lanes in a fixed order: halves are added pairwise.
inline float Sum(F32x16 v) {
  float x[16];
  std::memcpy(x, &v, sizeof v);
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) x[i] += x[i + half];
  }
  return x[0];
}

inline float MaxLane(F32x16 v) {
  float x[16];
  std::memcpy(x, &v, sizeof v);
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) x[i] = x[i] > x[i + half] ? x[i] : x[i + half];
  }
  return x[0];
}

// e^x within 2 ulp on [-87.3, 88.7]; below that 0. Cody-Waite reduction and a degree-6
// polynomial (coefficients of Cephes' expf).
inline F32x16 Exp(F32x16 x) {
  const F32x16 low = Set1(-87.33654f);
  const I32x16 underflow = x < low;
  x = Min(Set1(88.72283f), Max(low, x));  // in this order what is no number stays none
  // Adding and subtracting 1.5 * 2^23 rounds to an integer.
  const F32x16 magic = Set1(12582912.0f);
  const F32x16 n = Fma(x, Set1(1.44269504f), magic) - magic;
  F32x16 r = Fma(n, Set1(-0.693359375f), x);
  r = Fma(n, Set1(2.12194440e-4f), r);
  F32x16 p = Set1(1.9875691500e-4f);
  p = Fma(p, r, Set1(1.3981999507e-3f));
  p = Fma(p, r, Set1(8.3334519073e-3f));
  p = Fma(p, r, Set1(4.1665795894e-2f));
  p = Fma(p, r, Set1(1.6666665459e-1f));
  p = Fma(p, r, Set1(5.0000001201e-1f));
  p = Fma(p, r * r, r + Set1(1.0f));
  const I32x16 exponent = __builtin_convertvector(n, I32x16) << 23;
  I32x16 bits;
  std::memcpy(&bits, &p, sizeof bits);
  bits += exponent;
  bits &= ~underflow;
  F32x16 result;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}

inline F32x16 Sigmoid(F32x16 x) { return Set1(1.0f) / (Set1(1.0f) + Exp(-x)); }

inline constexpr I32x16 kLanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

}  // namespace agon::policy::cpu::AGON_ISA
