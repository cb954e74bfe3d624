// What Muon does with matrices between its products. Bound: HBM.
#include "policy/cuda/device.h"
#include "policy/cuda/kernels.h"
#include "policy/cuda/launch.h"

namespace agon::policy::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kTile = 32, kTileRows = kThreads / kTile;

__device__ inline int64_t Element() {
  return static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
}

__global__ void CombineKernel(float a, const float* x, float b, const float* y, int64_t count,
                              float* out) {
  const int64_t i = Element();
  if (i < count) out[i] = a * x[i] + b * y[i];
}

__global__ void DivideKernel(float* x, int64_t count, double divisor) {
  const int64_t i = Element();
  if (i < count) x[i] = static_cast<float>(static_cast<double>(x[i]) / divisor);
}

// A block moves 32 by 32 elements through shared memory, so that both sides are read and written
// by whole lines.
__global__ void TransposeKernel(const float* x, int rows, int cols, float* out) {
  __shared__ SharedArray<float, kTile*(kTile + 1)> tile;
  const int lane = static_cast<int>(threadIdx.x) % kTile;
  const int first = static_cast<int>(threadIdx.x) / kTile;
  const int row0 = static_cast<int>(blockIdx.y) * kTile,
            col0 = static_cast<int>(blockIdx.x) * kTile;
  for (int i = first; i < kTile; i += kTileRows) {
    if (row0 + i < rows && col0 + lane < cols) {
      tile[i * (kTile + 1) + lane] = x[static_cast<int64_t>(row0 + i) * cols + col0 + lane];
    }
  }
  __syncthreads();
  for (int i = first; i < kTile; i += kTileRows) {
    if (col0 + i < cols && row0 + lane < rows) {
      const float value = tile[lane * (kTile + 1) + i];
      out[static_cast<int64_t>(col0 + i) * rows + row0 + lane] = value;
    }
  }
}

Shape OneEach(int64_t count) { return {dim3(NumBlocks(count, kThreads)), kThreads}; }

}  // namespace

void Combine(float a, const float* x, float b, const float* y, int64_t count, float* out,
             cudaStream_t stream) {
  Launch("Combine", OneEach(count), stream, CombineKernel, a, x, b, y, count, out);
}

void Divide(float* x, int64_t count, double divisor, cudaStream_t stream) {
  Launch("Divide", OneEach(count), stream, DivideKernel, x, count, divisor);
}

void Transpose(const float* x, int rows, int cols, float* out, cudaStream_t stream) {
  const dim3 grid(NumBlocks(cols, kTile), NumBlocks(rows, kTile));
  Launch("Transpose", {grid, kThreads}, stream, TransposeKernel, x, rows, cols, out);
}

}  // namespace agon::policy::cuda
