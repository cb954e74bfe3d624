// What linear layers need beside their products: packed weights, and SwiGLU forward and backward.
// Bound: HBM.
#include "policy/cuda/chain.h"
#include "policy/cuda/device.h"
#include "policy/cuda/jobs.h"
#include "policy/cuda/kernels.h"
#include "policy/cuda/launch.h"

namespace agon::policy::cuda {
namespace {

constexpr int kThreads = 256;

template <typename T>
__global__ void PackWeightsKernel(const __grid_constant__ Jobs<WeightToPack<T>> jobs) {
  const auto [job, block] = jobs.Find(blockIdx.x);
  const int64_t i = (static_cast<int64_t>(block) * kThreads + threadIdx.x) * 4;
  if (i >= static_cast<int64_t>(job.out_padded) * job.in) return;
  if (i >= static_cast<int64_t>(job.out) * job.in) {
    Store4(job.packed + i, make_float4(0.0f, 0.0f, 0.0f, 0.0f));
    return;
  }
  float4 w = Load4(job.weight + i);
  if (job.input_gain) {
    const float4 g = Load4(job.input_gain + i % job.in);
    w = make_float4(w.x * g.x, w.y * g.y, w.z * g.z, w.w * g.w);
  }
  Store4(job.packed + i, w);
}

__device__ inline float Sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

// Where a thread's four elements of a row's `f` lie in gate_up (rows, 2 f).
struct GatedPlace {
  int64_t gate, activation;
  bool is_inside;

  __device__ GatedPlace(int rows, int f) {
    const int64_t i = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) * 4;
    activation = i;
    gate = i / f * 2 * f + i % f;
    is_inside = i < static_cast<int64_t>(rows) * f;
  }
};

template <typename T>
__global__ void SwiGluKernel(const T* gate_up, int rows, int f, T* activation) {
  WaitForKernelBefore();
  const GatedPlace at(rows, f);
  if (!at.is_inside) return;
  const float4 g = Load4(gate_up + at.gate), u = Load4(gate_up + at.gate + f);
  Store4(activation + at.activation,
         make_float4(g.x * Sigmoid(g.x) * u.x, g.y * Sigmoid(g.y) * u.y, g.z * Sigmoid(g.z) * u.z,
                     g.w * Sigmoid(g.w) * u.w));
}

// d (silu(g) u) = d u s (1 + g (1 - s)) dg + d g s du with s = sigmoid(g).
struct GatedGradient {
  float gate, up;

  __device__ GatedGradient(float d, float g, float u) {
    const float s = Sigmoid(g);
    gate = d * u * s * fmaf(g, 1.0f - s, 1.0f);
    up = d * g * s;
  }
};

template <typename T>
__global__ void SwiGluGradientKernel(const T* gate_up, int rows, int f, T* dgate_up) {
  const GatedPlace at(rows, f);
  if (!at.is_inside) return;
  const float4 g = Load4(gate_up + at.gate), u = Load4(gate_up + at.gate + f);
  const float4 d = Load4(dgate_up + at.gate);
  const GatedGradient x(d.x, g.x, u.x), y(d.y, g.y, u.y), z(d.z, g.z, u.z), w(d.w, g.w, u.w);
  Store4(dgate_up + at.gate, make_float4(x.gate, y.gate, z.gate, w.gate));
  Store4(dgate_up + at.gate + f, make_float4(x.up, y.up, z.up, w.up));
}

Shape FourEach(int64_t count) { return {dim3(NumBlocks(count, kThreads * 4)), kThreads}; }

}  // namespace

template <typename T>
void PackWeights(std::span<const WeightToPack<T>> weights, cudaStream_t stream) {
  const auto blocks = [](const WeightToPack<T>& w) {
    return FourEach(static_cast<int64_t>(w.out_padded) * w.in).grid.x;
  };
  LaunchJobs("PackWeights", weights, blocks, kThreads, stream, PackWeightsKernel<T>);
}

template <typename T>
void SwiGlu(const T* gate_up, int rows, int f, T* activation, cudaStream_t stream) {
  LaunchInChain("SwiGlu", FourEach(static_cast<int64_t>(rows) * f), stream, SwiGluKernel<T>,
                gate_up, rows, f, activation);
}

template <typename T>
void SwiGluGradient(const T* gate_up, int rows, int f, T* dgate_up, cudaStream_t stream) {
  Launch("SwiGluGradient", FourEach(static_cast<int64_t>(rows) * f), stream,
         SwiGluGradientKernel<T>, gate_up, rows, f, dgate_up);
}

#define AGON_INSTANTIATE(T)                                                     \
  template void PackWeights<T>(std::span<const WeightToPack<T>>, cudaStream_t); \
  template void SwiGlu<T>(const T*, int, int, T*, cudaStream_t);                \
  template void SwiGluGradient<T>(const T*, int, int, T*, cudaStream_t);
AGON_INSTANTIATE(float)
AGON_INSTANTIATE(Bf16)
#undef AGON_INSTANTIATE

}  // namespace agon::policy::cuda
