// RMSNorm without gains (they are folded into the layer that follows), one row per block.
//
// A row's second reading comes from the L1 cache, so a pass moves each array once. Bound: HBM.
#include "policy/cuda/chain.h"
#include "policy/cuda/device.h"
#include "policy/cuda/kernels.h"
#include "policy/cuda/launch.h"

namespace agon::policy::cuda {
namespace {

// Depends on the width only: the order of a row's sum must not depend on the batch.
unsigned ThreadsFor(int c) {
  constexpr int kMost = 256;
  const int needed = (c / 4 + kWarp - 1) / kWarp * kWarp;
  return static_cast<unsigned>(needed < kMost ? needed : kMost);
}

template <typename T>
__global__ void RmsNormKernel(const float* x, int c, float epsilon, T* xhat, float* rstd) {
  WaitForKernelBefore();
  const int64_t row = static_cast<int64_t>(blockIdx.x) * c;
  const int first = static_cast<int>(threadIdx.x) * 4, step = static_cast<int>(blockDim.x) * 4;
  float sum = 0.0f;
  for (int i = first; i < c; i += step) {
    const float4 v = Load4(x + row + i);
    sum = Dot4(v, v, sum);
  }
  const float r = 1.0f / sqrtf(BlockSum(sum) / static_cast<float>(c) + epsilon);
  if (threadIdx.x == 0) rstd[blockIdx.x] = r;
  for (int i = first; i < c; i += step) Store4(xhat + row + i, Scale4(Load4(x + row + i), r));
}

// dx += rstd (dxhat - xhat mean(dxhat xhat)), also rounded.
template <typename T>
__global__ void RmsNormGradientKernel(const float* dxhat, const T* xhat, const float* rstd, int c,
                                      float* dx, T* dx_rounded) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * c;
  const int first = static_cast<int>(threadIdx.x) * 4, step = static_cast<int>(blockDim.x) * 4;
  float sum = 0.0f;
  for (int i = first; i < c; i += step) {
    sum = Dot4(Load4(dxhat + row + i), Load4(xhat + row + i), sum);
  }
  const float mean = BlockSum(sum) / static_cast<float>(c);
  const float r = rstd[blockIdx.x];
  for (int i = first; i < c; i += step) {
    const float4 dy = Load4(dxhat + row + i), y = Load4(xhat + row + i);
    const float4 d = Load4(dx + row + i);
    const float4 sum4 =
        make_float4(fmaf(r, dy.x - y.x * mean, d.x), fmaf(r, dy.y - y.y * mean, d.y),
                    fmaf(r, dy.z - y.z * mean, d.z), fmaf(r, dy.w - y.w * mean, d.w));
    Store4(dx + row + i, sum4);
    Store4(dx_rounded + row + i, sum4);
  }
}

Shape RowPerBlock(int rows, int c) { return {dim3(static_cast<unsigned>(rows)), ThreadsFor(c)}; }

}  // namespace

template <typename T>
void RmsNorm(const float* x, int rows, int c, float epsilon, T* xhat, float* rstd,
             cudaStream_t stream) {
  LaunchInChain("RmsNorm", RowPerBlock(rows, c), stream, RmsNormKernel<T>, x, c, epsilon, xhat,
                rstd);
}

template <typename T>
void RmsNormGradient(const float* dxhat, const T* xhat, const float* rstd, int rows, int c,
                     float* dx, T* dx_rounded, cudaStream_t stream) {
  Launch("RmsNormGradient", RowPerBlock(rows, c), stream, RmsNormGradientKernel<T>, dxhat, xhat,
         rstd, c, dx, dx_rounded);
}

#define AGON_INSTANTIATE(T)                                                                    \
  template void RmsNorm<T>(const float*, int, int, float, T*, float*, cudaStream_t);           \
  template void RmsNormGradient<T>(const float*, const T*, const float*, int, int, float*, T*, \
                                   cudaStream_t);
AGON_INSTANTIATE(float)
AGON_INSTANTIATE(Bf16)
#undef AGON_INSTANTIATE

}  // namespace agon::policy::cuda
