#include "policy/muon.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace agon::policy {
namespace {

double SumOfSquares(Backend& backend, const float* x, int64_t count) {
  std::vector<double> sums(static_cast<size_t>((count + kSquaresPerSum - 1) / kSquaresPerSum));
  backend.SumsOfSquares(x, count, sums.data());
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

}  // namespace

PackedLinear& Orthogonaliser::Packed(ByShape& cache, int out, int in) {
  auto& linear = cache[{out, in}];
  if (!linear) linear = backend_.NewLinear(out, in, false);
  return *linear;
}

size_t Orthogonaliser::ScratchBytes(int rows, int cols) {
  const int64_t m = std::min(rows, cols), n = std::max(rows, cols);
  return static_cast<size_t>(3 * m * n + 2 * m * m) * sizeof(float);
}

void Orthogonaliser::Reserve(std::span<const std::pair<int, int>> shapes) {
  size_t bytes = 0;
  for (const auto& [rows, cols] : shapes) {
    const int m = std::min(rows, cols), n = std::max(rows, cols);
    Packed(matrices_, m, n);
    Packed(grams_, m, m);
    bytes = std::max(bytes, ScratchBytes(rows, cols));
  }
  memory_->Get(bytes);
}

void Orthogonaliser::Run(int rows, int cols, float* matrix) {
  constexpr float kA = 3.4445f, kB = -4.7750f, kC = 2.0315f;
  const bool tall = rows > cols;  // iterate on the wide form: the Gram matrix is smaller
  const int m = std::min(rows, cols), n = std::max(rows, cols);
  const int64_t size = static_cast<int64_t>(m) * n, square = static_cast<int64_t>(m) * m;
  PackedLinear& packed_x = Packed(matrices_, m, n);
  PackedLinear& packed_gram = Packed(grams_, m, m);
  float* x = reinterpret_cast<float*>(memory_->Get(ScratchBytes(rows, cols)));
  float *change = x + size, *rounded = change + size;
  float *gram = rounded + size, *polynomial = gram + square;
  const size_t square_bytes = static_cast<size_t>(square) * sizeof(float);

  if (tall) {
    backend_.Transpose(matrix, rows, cols, x);
  } else {
    backend_.Copy(x, matrix, static_cast<size_t>(size) * sizeof(float));
  }
  backend_.Divide(x, size, std::sqrt(SumOfSquares(backend_, x, size)) + 1e-7);
  for (int step = 0; step < 5; ++step) {
    // gram = X X^T, polynomial = b gram + c gram^2 (gram is symmetric), X = a X + polynomial X.
    backend_.SetLinear(packed_x, x, nullptr);
    backend_.Zero(gram, square_bytes);
    backend_.Round(x, size, rounded);
    backend_.LinearAdd(packed_x, rounded, m, gram);
    backend_.SetLinear(packed_gram, gram, nullptr);
    backend_.Zero(polynomial, square_bytes);
    backend_.Round(gram, square, rounded);
    backend_.LinearAdd(packed_gram, rounded, m, polynomial);
    backend_.Combine(kB, gram, kC, polynomial, square, polynomial);
    backend_.Round(polynomial, square, rounded);
    backend_.LinearInputGradient(packed_x, rounded, m, change);
    backend_.Combine(kA, x, 1.0f, change, size, x);
  }
  if (tall) {
    backend_.Transpose(x, m, n, matrix);
  } else {
    backend_.Copy(matrix, x, static_cast<size_t>(size) * sizeof(float));
  }
}

}  // namespace agon::policy
