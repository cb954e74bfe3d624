// Arrays on the device and comparisons, for the tests of kernels. The same tests run in the
// emulator and, with the real runtime, on a GPU.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>
#include <vector>

#include "core/rng.h"
#include "policy/backend.h"
#include "policy/cpu/cpu_backend.h"

namespace agon::policy::cuda {

using Bf16 = __nv_bfloat16;

inline void Expect(cudaError_t error) {
  ASSERT_EQ(error, cudaSuccess) << cudaGetErrorString(error);
}

// Elements of a matrix.
inline size_t Area(int rows, int cols) {
  return static_cast<size_t>(rows) * static_cast<size_t>(cols);
}

// A copy of a host array on the device.
template <typename T>
class Device {
 public:
  explicit Device(size_t count) : count_(count) {
    Expect(cudaMalloc(reinterpret_cast<void**>(&data_), std::max<size_t>(count, 1) * sizeof(T)));
  }
  explicit Device(const std::vector<T>& host) : Device(host.size()) {
    Expect(cudaMemcpy(data_, host.data(), host.size() * sizeof(T), cudaMemcpyHostToDevice));
    // A small copy may return before it has arrived, and a backend's stream waits for no other.
    Expect(cudaDeviceSynchronize());
  }
  ~Device() { cudaFree(data_); }
  Device(const Device&) = delete;

  operator T*() { return data_; }
  operator const T*() const { return data_; }
  std::vector<T> Read() const {
    Expect(cudaDeviceSynchronize());
    std::vector<T> host(count_);
    Expect(cudaMemcpy(host.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost));
    return host;
  }

 private:
  T* data_ = nullptr;
  size_t count_;
};

// The nearest T, ties to even: independent of the kernels' and the CPU backend's code.
template <typename T>
T Rounded(float x) {
  if constexpr (std::is_same_v<T, float>) {
    return x;
  } else {
    int exponent;
    const float fraction = std::frexp(x, &exponent);
    const float nearest = std::ldexp(std::nearbyint(std::ldexp(fraction, 8)), exponent - 8);
    return std::bit_cast<T>(static_cast<uint16_t>(std::bit_cast<uint32_t>(nearest) >> 16));
  }
}

template <typename T>
std::vector<T> Rounded(const std::vector<float>& x) {
  std::vector<T> rounded;
  for (float v : x) rounded.push_back(Rounded<T>(v));
  return rounded;
}

inline float Value(float x) { return x; }
inline float Value(Bf16 x) {
  return std::bit_cast<float>(static_cast<uint32_t>(std::bit_cast<uint16_t>(x)) << 16);
}

template <typename T>
std::vector<float> Values(const std::vector<T>& x) {
  std::vector<float> values;
  for (const T& v : x) values.push_back(Value(v));
  return values;
}

inline std::vector<float> Normals(uint64_t seed, size_t count, double scale = 1.0) {
  Rng rng({.run_seed = seed, .stream = RngStream::kTest});
  std::vector<float> x(count);
  for (float& v : x) v = static_cast<float>(scale * rng.Normal());
  return x;
}

inline std::vector<int32_t> Indexes(uint64_t seed, size_t count, int limit) {
  Rng rng({.run_seed = seed, .stream = RngStream::kTest});
  std::vector<int32_t> x(count);
  for (int32_t& v : x) v = static_cast<int32_t>(rng.Below(static_cast<uint64_t>(limit)));
  return x;
}

// |got - expected|^2 / |expected|^2.
template <typename A, typename B>
double Nmse(const std::vector<A>& got, const std::vector<B>& expected) {
  EXPECT_EQ(got.size(), expected.size());
  double error = 0, size = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double e = static_cast<double>(Value(expected[i]));
    const double difference = static_cast<double>(Value(got[i])) - e;
    error += difference * difference;
    size += e * e;
  }
  return error / (size > 0 ? size : 1);
}

// What a result of T may differ by: fp32 as agreed for every op; bf16 has 8 bits, so half a
// unit is 2^-9 of a value, and sums that round differently move some results to a neighbour.
template <typename T>
inline constexpr double kBound = std::is_same_v<T, float> ? 1e-7 : 2e-5;

template <typename T>
bool SameBits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

template <typename T>
std::vector<T> Slice(const std::vector<T>& x, size_t begin, size_t count) {
  return {x.begin() + static_cast<std::ptrdiff_t>(begin),
          x.begin() + static_cast<std::ptrdiff_t>(begin + count)};
}

// The CPU backend in fp32, which the kernels follow.
inline std::unique_ptr<Backend> Reference(int num_heads = 4, int num_kv_heads = 2,
                                          int head_dim = 32) {
  ModelConfig config;
  config.num_heads = num_heads;
  config.num_kv_heads = num_kv_heads;
  config.head_dim = head_dim;
  config.max_positions = 512;
  return NewCpuBackend(config, ComputeType::kFloat32);
}

// Tests of kernels, each for both compute types; skipped where no device can be had.
template <typename T>
class KernelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
      GTEST_SKIP() << "no CUDA device";
    }
  }
};
using ComputeTypes = ::testing::Types<float, Bf16>;

}  // namespace agon::policy::cuda
