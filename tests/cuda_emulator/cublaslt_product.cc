#include "tests/cuda_emulator/cublaslt_product.h"

#include <cuda_bf16.h>

#include <algorithm>
#include <atomic>
#include <vector>

namespace cuda_emulator {
namespace {

float Load(const void* data, cudaDataType_t type, int64_t i) {
  return type == CUDA_R_16BF ? __bfloat162float(static_cast<const __nv_bfloat16*>(data)[i])
                             : static_cast<const float*>(data)[i];
}

void Store(void* data, cudaDataType_t type, int64_t i, float x) {
  if (type == CUDA_R_16BF) {
    static_cast<__nv_bfloat16*>(data)[i] = __float2bfloat16_rn(x);
  } else {
    static_cast<float*>(data)[i] = x;
  }
}

// Element (row, col) of the operand as the product sees it is at [row * cols + col].
std::vector<float> RowMajor(const Operand& m, int64_t rows, int64_t cols) {
  std::vector<float> values(static_cast<size_t>(rows * cols));
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t col = 0; col < cols; ++col) {
      const int64_t at = m.is_transposed ? row * m.layout.ld + col : col * m.layout.ld + row;
      values[static_cast<size_t>(row * cols + col)] = Load(m.data, m.layout.type, at);
    }
  }
  return values;
}

constexpr int64_t kTileCols = 64;

// How many neighbours of k are summed by themselves, in a column.
int64_t BlockOf(const Product& p, int64_t k, int64_t col, int64_t run) {
  const auto cols = static_cast<int64_t>(p.d_layout.cols);
  switch (p.algorithm) {
    case MatmulAlgorithm::kInBlocks:
    case MatmulAlgorithm::kWideTile:
      return 32;
    case MatmulAlgorithm::kSplit:
      return std::max<int64_t>(1, (k + cols % 3) / kSplits);
    case MatmulAlgorithm::kPartTile:
      return col < cols / kTileCols * kTileCols ? k : (k + 1) / 2;
    case MatmulAlgorithm::kAsTheyCome:
      return std::max<int64_t>(1, k / 2 - run % 8);
    case MatmulAlgorithm::kInOrder:
    case MatmulAlgorithm::kRefused:
      break;
  }
  return k;
}

constexpr int kStep = 16;  // inputs that a tensor core takes at once

bool IsByTensorCore(const Product& p) {
  return p.a.layout.type == CUDA_R_16BF &&
         (p.algorithm == MatmulAlgorithm::kInBlocks || p.algorithm == MatmulAlgorithm::kWideTile);
}

// sums (m) += inputs [0, count) of a (count, m) times b (count), added as MultiplyMatrices does.
void AddStep(const float* a, const float* b, int64_t m, int64_t count, float* sums) {
  float scales[kStep] = {};
  std::copy_n(b, count, scales);
  for (int64_t row = 0; row < m; ++row) {
    float products[kStep];
    for (int64_t k = 0; k < kStep; ++k) {
      products[k] = k < count ? a[k * m + row] * scales[k] : 0.0f;
    }
    for (int half = kStep / 2; half > 0; half /= 2) {
      for (int k = 0; k < half; ++k) products[k] += products[k + half];
    }
    sums[row] += products[0];
  }
}

}  // namespace

int64_t PretendedNanoseconds(const Product& p) {
  const bool is_wide = p.algorithm == MatmulAlgorithm::kWideTile;
  const int64_t tile = is_wide ? kTileCols : 8, each = is_wide ? 1000 : 2000;
  return (static_cast<int64_t>(p.d_layout.cols) + tile - 1) / tile * tile * each;
}

void Multiply(const Product& p) {
  const auto m = static_cast<int64_t>(p.d_layout.rows), n = static_cast<int64_t>(p.d_layout.cols);
  const auto k = static_cast<int64_t>(p.a.is_transposed ? p.a.layout.rows : p.a.layout.cols);
  // a by its columns, so that the inner loop runs over neighbours.
  const std::vector<float> a = RowMajor({p.a.data, p.a.layout, !p.a.is_transposed}, k, m);
  const std::vector<float> b = RowMajor({p.b.data, p.b.layout, !p.b.is_transposed}, n, k);
  static std::atomic<int64_t> num_runs;
  const int64_t run = num_runs++;
#pragma omp parallel for schedule(static) if (m * n * k > (1 << 20))
  for (int64_t col = 0; col < n; ++col) {
    const int64_t block = BlockOf(p, k, col, run);
    std::vector<float> sums(static_cast<size_t>(m)), part(static_cast<size_t>(m));
    for (int64_t begin = 0; IsByTensorCore(p) && begin < k; begin += kStep) {
      AddStep(a.data() + begin * m, b.data() + col * k + begin, m,
              std::min<int64_t>(kStep, k - begin), sums.data());
    }
    for (int64_t begin = 0; !IsByTensorCore(p) && begin < k; begin += block) {
      std::fill(part.begin(), part.end(), 0.0f);
      for (int64_t i = begin; i < std::min(k, begin + block); ++i) {
        const float scale = b[static_cast<size_t>(col * k + i)];
        const float* column = a.data() + i * m;
        for (int64_t row = 0; row < m; ++row) part[static_cast<size_t>(row)] += column[row] * scale;
      }
      for (size_t row = 0; row < sums.size(); ++row) sums[row] += part[row];
    }
    for (int64_t row = 0; row < m; ++row) {
      const int64_t at = col * p.d_layout.ld + row;
      // With a factor of 0 what was there doesn't count, not even NaN.
      const float before = p.beta == 0.0f ? 0.0f : p.beta * Load(p.d, p.d_layout.type, at);
      Store(p.d, p.d_layout.type, at, p.alpha * sums[static_cast<size_t>(row)] + before);
    }
  }
}

}  // namespace cuda_emulator
