// RMSNorm of each query and key head, its gain, the rotation and the way to the cache in one pass,
// one warp for each head of a row. Bound: HBM; in decoding few rows are one launch fewer.
#include "policy/cuda/chain.h"
#include "policy/cuda/device.h"
#include "policy/cuda/head_dim.h"
#include "policy/cuda/kernels.h"
#include "policy/cuda/launch.h"

namespace agon::policy::cuda {
namespace {

constexpr int kWarps = 8, kThreads = kWarps * kWarp;
// Rows whose gains' gradients one block adds up: fixed, so that the sum's order is.
constexpr int kRowsPerBlock = 16;

// Element k of a lane is number lane + 32 k of the head; its partner in the rotation is half a
// head away: in another lane where the head is a warp wide, else another element of this one.
template <int kHeadDim>
struct Head {
  static constexpr int kEach = kHeadDim / kWarp, kHalf = kHeadDim / 2;

  __device__ static int Index(int k) { return static_cast<int>(threadIdx.x) % kWarp + k * kWarp; }
  __device__ static float Partner(const float (&x)[kEach], int k) {
    if constexpr (kEach == 1) {
      return __shfl_xor_sync(kAllLanes, x[k], kHalf);
    } else {
      return x[k ^ (kEach / 2)];
    }
  }
};

template <int kHeadDim>
__device__ float ReciprocalRms(const float (&x)[kHeadDim / kWarp], float epsilon) {
  float sum = 0.0f;
  for (float v : x) sum = fmaf(v, v, sum);
  return 1.0f / sqrtf(WarpSum(sum) / static_cast<float>(kHeadDim) + epsilon);
}

struct Arguments {
  const int32_t* positions;
  const float *q_gain, *k_gain, *cosine, *sine;
  float epsilon;
  int rows;
  HeadShape shape;
};

// `num_heads` of each row: those that are rotated, with a cache also those of values.
template <typename T, int kHeadDim>
__global__ void QkNormRopeKernel(const T* qkv, Arguments a, int num_heads, T* qk, KvLayer<T> cache,
                                 const int32_t* slots) {
  WaitForKernelBefore();
  using H = Head<kHeadDim>;
  const int rotated = a.shape.num_heads + a.shape.num_kv_heads;
  const int64_t item = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / kWarp;
  if (item >= static_cast<int64_t>(a.rows) * num_heads) return;
  const int64_t row = item / num_heads;
  const int head = static_cast<int>(item % num_heads);
  const T* in = qkv + (row * (rotated + a.shape.num_kv_heads) + head) * kHeadDim;
  const bool is_kept = slots != nullptr && head >= a.shape.num_heads && slots[row] >= 0;
  const int kv_head = (head - a.shape.num_heads) % a.shape.num_kv_heads;
  const int64_t place = is_kept ? cache.Offset(slots[row], kv_head, a.positions[row], kHeadDim) : 0;
  if (head >= rotated) {
    if (!is_kept) return;
    for (int k = 0; k < H::kEach; ++k) cache.values[place + H::Index(k)] = in[H::Index(k)];
    return;
  }
  const float* gain = head < a.shape.num_heads ? a.q_gain : a.k_gain;
  float x[H::kEach];
  for (int k = 0; k < H::kEach; ++k) x[k] = ToFloat(in[H::Index(k)]);
  const float r = ReciprocalRms<kHeadDim>(x, a.epsilon);
  for (int k = 0; k < H::kEach; ++k) x[k] = x[k] * r * gain[H::Index(k)];
  const int64_t angles = static_cast<int64_t>(a.positions[row]) * H::kHalf;
  T* out = qk + (row * rotated + head) * kHeadDim;
  for (int k = 0; k < H::kEach; ++k) {
    const int i = H::Index(k), angle = i % H::kHalf;
    const float cosine = a.cosine[angles + angle], sine = a.sine[angles + angle];
    const float partner = H::Partner(x, k);
    const float y = i < H::kHalf ? x[k] * cosine - partner * sine : x[k] * cosine + partner * sine;
    Put(out + i, y);
    if (is_kept) Put(cache.keys + place + i, y);
  }
}

// One head's gradient: rotated back, taken through gain and norm; adds to dgain.
template <typename T, int kHeadDim>
__device__ void HeadGradient(const T* in, const float* dy, const float* gain, const float* cosines,
                             const float* sines, float epsilon, T* out,
                             float (&dgain)[kHeadDim / kWarp]) {
  using H = Head<kHeadDim>;
  float xhat[H::kEach], d[H::kEach], g[H::kEach];
  for (int k = 0; k < H::kEach; ++k) {
    xhat[k] = ToFloat(in[H::Index(k)]);
    d[k] = dy[H::Index(k)];
  }
  const float r = ReciprocalRms<kHeadDim>(xhat, epsilon);
  float sum = 0.0f;
  for (int k = 0; k < H::kEach; ++k) {
    const int i = H::Index(k), angle = i % H::kHalf;
    const float partner = H::Partner(d, k);
    const float unrotated = i < H::kHalf ? d[k] * cosines[angle] + partner * sines[angle]
                                         : d[k] * cosines[angle] - partner * sines[angle];
    xhat[k] *= r;
    dgain[k] = fmaf(unrotated, xhat[k], dgain[k]);
    g[k] = unrotated * gain[i];
    sum = fmaf(g[k], xhat[k], sum);
  }
  const float mean = WarpSum(sum) / static_cast<float>(kHeadDim);
  for (int k = 0; k < H::kEach; ++k) Put(out + H::Index(k), r * (g[k] - xhat[k] * mean));
}

// partials (blocks, 2, d): the gains' gradients of each block's rows.
template <typename T, int kHeadDim>
__global__ void QkNormRopeGradientKernel(const T* qkv, Arguments a, const float* dqk,
                                         const float* dv, T* dqkv, float* partials) {
  using H = Head<kHeadDim>;
  const int heads = a.shape.num_heads, kv_heads = a.shape.num_kv_heads;
  const int rotated = heads + kv_heads, all = rotated + kv_heads;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int64_t first_row = static_cast<int64_t>(blockIdx.x) * kRowsPerBlock;
  float dgains[2][H::kEach] = {};
  for (int item = warp; item < kRowsPerBlock * all; item += kWarps) {
    const int64_t row = first_row + item / all;
    const int head = item % all;
    if (row >= a.rows) break;
    T* out = dqkv + (row * all + head) * kHeadDim;
    if (head >= rotated) {
      const float* d = dv + (row * kv_heads + head - rotated) * kHeadDim;
      for (int k = 0; k < H::kEach; ++k) Put(out + H::Index(k), d[H::Index(k)]);
      continue;
    }
    const int64_t angles = static_cast<int64_t>(a.positions[row]) * H::kHalf;
    HeadGradient<T, kHeadDim>(qkv + (row * all + head) * kHeadDim,
                              dqk + (row * rotated + head) * kHeadDim,
                              head < heads ? a.q_gain : a.k_gain, a.cosine + angles,
                              a.sine + angles, a.epsilon, out, dgains[head < heads ? 0 : 1]);
  }
  __shared__ SharedArray<float, kWarps * 2 * kHeadDim> sums;
  for (int which = 0; which < 2; ++which) {
    for (int k = 0; k < H::kEach; ++k) {
      sums[(warp * 2 + which) * kHeadDim + H::Index(k)] = dgains[which][k];
    }
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < 2 * kHeadDim; i += kThreads) {
    float sum = sums[i];
    for (int w = 1; w < kWarps; ++w) sum += static_cast<float>(sums[w * 2 * kHeadDim + i]);
    partials[static_cast<int64_t>(blockIdx.x) * 2 * kHeadDim + i] = sum;
  }
}

// One warp for each element of the gains.
__global__ void AddPartialsKernel(const float* partials, int num_blocks, int d, float* dq_gain,
                                  float* dk_gain) {
  const int lane = static_cast<int>(threadIdx.x);
  const int i = static_cast<int>(blockIdx.x);
  float sum = 0.0f;
  for (int b = lane; b < num_blocks; b += kWarp) {
    sum += partials[static_cast<int64_t>(b) * 2 * d + i];
  }
  sum = WarpSum(sum);
  if (lane == 0) (i < d ? dq_gain[i] : dk_gain[i - d]) += sum;
}

}  // namespace

template <typename T>
void QkNormRope(const T* qkv, const int32_t* positions, int rows, const float* q_gain,
                const float* k_gain, const float* cosine, const float* sine, float epsilon,
                const HeadShape& shape, T* qk, const KvLayer<T>& cache, const int32_t* slots,
                cudaStream_t stream) {
  const Arguments a{positions, q_gain, k_gain, cosine, sine, epsilon, rows, shape};
  const int heads = shape.num_heads + (slots ? 2 : 1) * shape.num_kv_heads;
  const int64_t items = static_cast<int64_t>(rows) * heads;
  ForHeadDim("QkNormRope", shape, [&]<int kHeadDim>() {
    LaunchInChain("QkNormRope", {dim3(NumBlocks(items, kWarps)), kThreads}, stream,
                  QkNormRopeKernel<T, kHeadDim>, qkv, a, heads, qk, cache, slots);
  });
}

int64_t QkNormRopePartials(int rows, const HeadShape& shape) {
  return static_cast<int64_t>(NumBlocks(rows, kRowsPerBlock)) * 2 * shape.head_dim;
}

template <typename T>
void QkNormRopeGradient(const T* qkv, const int32_t* positions, int rows, const float* q_gain,
                        const float* k_gain, const float* cosine, const float* sine, float epsilon,
                        const HeadShape& shape, const float* dqk, const float* dv, T* dqkv,
                        float* dq_gain, float* dk_gain, float* partials, cudaStream_t stream) {
  const Arguments a{positions, q_gain, k_gain, cosine, sine, epsilon, rows, shape};
  const unsigned blocks = NumBlocks(rows, kRowsPerBlock);
  ForHeadDim("QkNormRopeGradient", shape, [&]<int kHeadDim>() {
    Launch("QkNormRopeGradient", {dim3(blocks), kThreads}, stream,
           QkNormRopeGradientKernel<T, kHeadDim>, qkv, a, dqk, dv, dqkv, partials);
  });
  Launch("QkNormRopeGradient", {dim3(static_cast<unsigned>(2 * shape.head_dim)), kWarp}, stream,
         AddPartialsKernel, partials, static_cast<int>(blocks), shape.head_dim, dq_gain, dk_gain);
}

#define AGON_INSTANTIATE(T)                                                                      \
  template void QkNormRope<T>(const T*, const int32_t*, int, const float*, const float*,         \
                              const float*, const float*, float, const HeadShape&, T*,           \
                              const KvLayer<T>&, const int32_t*, cudaStream_t);                  \
  template void QkNormRopeGradient<T>(const T*, const int32_t*, int, const float*, const float*, \
                                      const float*, const float*, float, const HeadShape&,       \
                                      const float*, const float*, T*, float*, float*, float*,    \
                                      cudaStream_t);
AGON_INSTANTIATE(float)
AGON_INSTANTIATE(Bf16)
#undef AGON_INSTANTIATE

}  // namespace agon::policy::cuda
