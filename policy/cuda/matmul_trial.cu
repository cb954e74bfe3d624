#include "policy/cuda/matmul_trial.h"

#include <algorithm>
#include <cmath>

#include "policy/cuda/device.h"
#include "policy/cuda/launch.h"
#include "policy/cuda/region.h"

namespace agon::policy::cuda {
namespace {

constexpr int kThreads = 256, kPerBlock = 32 * kThreads;  // elements or words

// Random bits of a place in an operand.
__device__ uint32_t Hash(uint32_t seed, uint32_t row, uint32_t k) {
  uint32_t x = (seed * 0x9e3779b9u + row) * 0x85ebca6bu + k;
  x = (x ^ x >> 16) * 0x7feb352du;
  x = (x ^ x >> 15) * 0x846ca68bu;
  return x ^ x >> 16;
}

// x (rows, cols), whose sums run along `cols`, or else along the rows. What isn't summed over
// repeats after `period`. Values spread over eight powers of two, so that sums can't be exact.
template <typename T>
__global__ void FillKernel(T* x, int rows, int cols, bool sums_rows, bool takes_back, int period,
                           uint32_t seed) {
  const int64_t size = static_cast<int64_t>(rows) * cols;
  const int64_t begin = static_cast<int64_t>(blockIdx.x) * kPerBlock;
  const int64_t end = begin + kPerBlock < size ? begin + kPerBlock : size;
  for (int64_t i = begin + threadIdx.x; i < end; i += kThreads) {
    const int row = static_cast<int>(i / cols), col = static_cast<int>(i % cols);
    const int k = sums_rows ? row : col, count = sums_rows ? rows : cols;
    const int other = (sums_rows ? col : row) % period;
    const bool is_second = k >= count - count / 2;
    const uint32_t bits = Hash(seed, static_cast<uint32_t>(other),
                               static_cast<uint32_t>(is_second ? count - 1 - k : k));
    const uint32_t sign = (bits & 0x80000000u) ^ (is_second && takes_back ? 0x80000000u : 0);
    const uint32_t exponent = 120 + (bits >> 23 & 7);
    Put(x + i, __uint_as_float(sign | exponent << 23 | (bits & 0x7fffff)));
  }
}

// Rows of `words` words: row i against row i % period of what is expected.
__global__ void CountDifferencesKernel(const uint32_t* got, const uint32_t* expected,
                                       int64_t num_rows, int64_t words, int64_t period,
                                       int32_t* num_differences) {
  const int64_t size = num_rows * words;
  const int64_t begin = static_cast<int64_t>(blockIdx.x) * kPerBlock;
  const int64_t end = begin + kPerBlock < size ? begin + kPerBlock : size;
  int32_t count = 0;
  for (int64_t i = begin + threadIdx.x; i < end; i += kThreads) {
    count += got[i] != expected[i / words % period * words + i % words];
  }
  if (count > 0) atomicAdd(num_differences, count);
}

}  // namespace

// Of a trial's matrices.
struct MatmulTrial::Sizes {
  Sizes(const MatmulShape& s, int rows) {
    const bool is_forward = s.kind == MatmulShape::Kind::kForward;
    const bool sums_rows = s.kind == MatmulShape::Kind::kWeightGradient;
    const int64_t operand = s.is_bf16 ? 2 : 4;
    left = (sums_rows ? rows : s.out) * s.in * operand;
    right = int64_t{rows} * (is_forward ? s.in : s.dy_stride) * operand;
    result_row = (is_forward ? s.out : s.in) * (s.is_float_result ? 4 : operand);
    result_rows = sums_rows ? s.out : rows;
    expected_rows = sums_rows ? s.out : kPeriod;
  }

  int64_t left, right, result_row, result_rows, expected_rows;
};

MatmulShape MatmulTrial::Tried(MatmulShape shape) {
  shape.dy_stride = std::min(shape.dy_stride, kMostOut);
  shape.out = std::min(shape.out, kMostOut);
  shape.dx_stride = shape.in;
  return shape;
}

size_t MatmulTrial::Bytes(const Gpu& gpu, const MatmulShape& shape, int rows) {
  const Sizes sizes(Tried(shape), rows);
  size_t bytes = RoundedUp(gpu.cache_bytes()) + sizeof(int32_t);
  for (const int64_t part : {sizes.left, sizes.right, sizes.result_rows * sizes.result_row,
                             sizes.expected_rows * sizes.result_row}) {
    bytes += RoundedUp(static_cast<size_t>(part));
  }
  return bytes;
}

MatmulTrial::MatmulTrial(cublasLtHandle_t handle, const MatmulShape& shape, int rows,
                         CudaMemory& memory, const Gpu& gpu)
    : shape_(Tried(shape)),
      rows_(rows),
      product_(handle, shape_),
      stream_(gpu.stream()),
      flush_bytes_(gpu.cache_bytes()) {
  const Sizes sizes(shape_, rows);
  char* at = memory.Get(Bytes(gpu, shape, rows));
  const auto take = [&](int64_t bytes) {
    char* const part = at;
    at += RoundedUp(static_cast<size_t>(bytes));
    return part;
  };
  left_ = take(sizes.left);
  right_ = take(sizes.right);
  result_ = take(sizes.result_rows * sizes.result_row);
  expected_ = take(sizes.expected_rows * sizes.result_row);
  flush_ = take(static_cast<int64_t>(flush_bytes_));
  num_differences_ = reinterpret_cast<int32_t*>(at);
  if (shape.is_bf16) {
    Fill<Bf16>();
  } else {
    Fill<float>();
  }
}

template <typename T>
void MatmulTrial::Fill() {
  const auto fill = [&](char* x, int rows, int cols, bool sums_rows, bool takes_back, int period) {
    const int64_t count = static_cast<int64_t>(rows) * cols;
    Launch("trial of a product", {NumBlocks(count, kPerBlock), kThreads}, stream_, FillKernel<T>,
           reinterpret_cast<T*>(x), rows, cols, sums_rows, takes_back, period,
           takes_back ? 2u : 1u);
  };
  const bool is_forward = shape_.kind == MatmulShape::Kind::kForward;
  fill(left_, SumsRows() ? rows_ : shape_.out, shape_.in, !is_forward, false, 1 << 30);
  fill(right_, rows_, is_forward ? shape_.in : shape_.dy_stride, SumsRows(), true,
       SumsRows() ? 1 << 30 : kPeriod);
}

bool MatmulTrial::Run(const MatmulAlgorithm& algorithm, int rows) {
  if (!product_.Works(algorithm, rows)) return false;
  // NaN where nothing is written.
  const Sizes sizes(shape_, rows);
  Check(cudaMemsetAsync(result_, shape_.adds ? 0 : 0xff,
                        static_cast<size_t>(sizes.result_rows * sizes.result_row), stream_),
        "trial of a product");
  return product_.TryRun(algorithm, rows, left_, right_, result_, stream_);
}

bool MatmulTrial::Expect(const MatmulAlgorithm& algorithm, int rows) {
  const Sizes sizes(shape_, rows);
  if (!Run(algorithm, rows)) return false;
  Check(cudaMemcpyAsync(expected_, result_,
                        static_cast<size_t>(sizes.expected_rows * sizes.result_row),
                        cudaMemcpyDeviceToDevice, stream_),
        "trial of a product");
  return true;
}

bool MatmulTrial::GivesExpected(const MatmulAlgorithm& algorithm, int rows) {
  if (!Run(algorithm, rows)) return false;
  const Sizes sizes(shape_, rows);
  const int64_t words = sizes.result_row / 4;
  Check(cudaMemsetAsync(num_differences_, 0, sizeof *num_differences_, stream_),
        "trial of a product");
  Launch("trial of a product", {NumBlocks(sizes.result_rows * words, kPerBlock), kThreads}, stream_,
         CountDifferencesKernel, reinterpret_cast<const uint32_t*>(result_),
         reinterpret_cast<const uint32_t*>(expected_), sizes.result_rows, words,
         sizes.expected_rows, num_differences_);
  int32_t num_differences = 0;
  Check(cudaMemcpyAsync(&num_differences, num_differences_, sizeof num_differences,
                        cudaMemcpyDeviceToHost, stream_),
        "trial of a product");
  Check(cudaStreamSynchronize(stream_), "trial of a product");
  return num_differences == 0;
}

float MatmulTrial::Milliseconds(const MatmulAlgorithm& algorithm, int rows) {
  constexpr const char* kOp = "trial of a product";
  cudaEvent_t begin = nullptr, end = nullptr;
  Check(cudaEventCreate(&begin), kOp);
  Check(cudaEventCreate(&end), kOp);
  float least = INFINITY;
  for (int i = 0; i < kTimedRuns; ++i) {
    // It takes longer than the launches behind it, so that the GPU never waits for those.
    Check(cudaMemsetAsync(flush_, i, flush_bytes_, stream_), kOp);
    Check(cudaEventRecord(begin, stream_), kOp);
    product_.Run(kOp, algorithm, rows, left_, right_, result_, stream_);
    Check(cudaEventRecord(end, stream_), kOp);
    Check(cudaEventSynchronize(end), kOp);
    float milliseconds = 0.0f;
    Check(cudaEventElapsedTime(&milliseconds, begin, end), kOp);
    least = std::min(least, milliseconds);
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  return least;
}

}  // namespace agon::policy::cuda
