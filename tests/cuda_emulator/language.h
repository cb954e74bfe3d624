// CUDA's keywords, vector types and built-in variables for a host compiler.
//
// A kernel is an ordinary function; what tells its threads apart are the built-in variables,
// which the block that runs on this OS thread sets before it resumes a fiber (block.h).
#pragma once

#include <cstdint>
#include <cstring>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __align__(bytes) alignas(bytes)
#define __launch_bounds__(...)
#define __grid_constant__
// One copy for each OS thread, which runs one block at a time: shared by the block's fibers.
#define __shared__ static thread_local

namespace cuda_emulator {

[[noreturn]] void FailMisaligned(const void* address, int bytes);

// A vector type's type promises the alignment; the compiler has to be kept from using the
// promise to drop the check.
template <int kBytes>
inline const void* CheckAligned(const void* address) {
  asm volatile("" : "+r"(address));
  if (reinterpret_cast<uintptr_t>(address) % kBytes != 0) FailMisaligned(address, kBytes);
  return address;
}

// Vectors load and store as one transaction, whose address a GPU refuses if it isn't a
// multiple of the size: every copy checks both addresses.
template <typename E>
struct alignas(2 * sizeof(E)) Vector2 {
  E x, y;

  Vector2() = default;
  Vector2(E a, E b) : x(a), y(b) {}
  Vector2(const Vector2& other) { *this = other; }
  Vector2& operator=(const Vector2& other) {
    E values[2];
    std::memcpy(values, CheckAligned<sizeof(Vector2)>(&other), sizeof values);
    std::memcpy(const_cast<void*>(CheckAligned<sizeof(Vector2)>(&x)), values, sizeof values);
    return *this;
  }
};

template <typename E>
struct alignas(4 * sizeof(E)) Vector4 {
  E x, y, z, w;

  Vector4() = default;
  Vector4(E a, E b, E c, E d) : x(a), y(b), z(c), w(d) {}
  Vector4(const Vector4& other) { *this = other; }
  Vector4& operator=(const Vector4& other) {
    E values[4];
    std::memcpy(values, CheckAligned<sizeof(Vector4)>(&other), sizeof values);
    std::memcpy(const_cast<void*>(CheckAligned<sizeof(Vector4)>(&x)), values, sizeof values);
    return *this;
  }
};

}  // namespace cuda_emulator

using float2 = cuda_emulator::Vector2<float>;
using float4 = cuda_emulator::Vector4<float>;
using uint2 = cuda_emulator::Vector2<uint32_t>;
using uint4 = cuda_emulator::Vector4<uint32_t>;
using int4 = cuda_emulator::Vector4<int32_t>;

inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline uint2 make_uint2(uint32_t x, uint32_t y) { return {x, y}; }

struct uint3 {
  uint32_t x, y, z;
};

struct dim3 {
  uint32_t x = 1, y = 1, z = 1;

  constexpr dim3() = default;
  constexpr dim3(uint32_t a, uint32_t b = 1, uint32_t c = 1) : x(a), y(b), z(c) {}
  constexpr uint64_t Count() const { return uint64_t{x} * y * z; }
};

inline constinit thread_local uint3 threadIdx{}, blockIdx{};
inline constinit thread_local dim3 blockDim, gridDim;
inline constexpr int warpSize = 32;
