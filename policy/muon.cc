#include "policy/muon.h"

#include <algorithm>
#include <cmath>

namespace agon::policy {
namespace {

std::vector<float> Transposed(const std::vector<float>& m, int rows, int cols) {
  std::vector<float> t(m.size());
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < cols; ++j) {
      t[static_cast<size_t>(j) * rows + i] = m[static_cast<size_t>(i) * cols + j];
    }
  }
  return t;
}

}  // namespace

PackedLinear& Orthogonaliser::Packed(ByShape& cache, int out, int in) {
  auto& linear = cache[{out, in}];
  if (!linear) linear = backend_.NewLinear(out, in, false);
  return *linear;
}

const void* Orthogonaliser::Rounded(const std::vector<float>& x) {
  rounded_.resize(x.size());
  backend_.Round(x.data(), static_cast<int64_t>(x.size()), rounded_.data());
  return rounded_.data();
}

void Orthogonaliser::Run(int rows, int cols, std::vector<float>& matrix) {
  constexpr float kA = 3.4445f, kB = -4.7750f, kC = 2.0315f;
  const bool tall = rows > cols;  // iterate on the wide form: the Gram matrix is smaller
  std::vector<float> x = tall ? Transposed(matrix, rows, cols) : matrix;
  const int m = std::min(rows, cols), n = std::max(rows, cols);
  PackedLinear& packed_x = Packed(matrices_, m, n);
  PackedLinear& packed_gram = Packed(grams_, m, m);

  const double norm =
      std::sqrt(backend_.SumOfSquares(x.data(), static_cast<int64_t>(x.size()))) + 1e-7;
  for (float& value : x) value = static_cast<float>(value / norm);
  change_.resize(x.size());
  for (int step = 0; step < 5; ++step) {
    // gram = X X^T, polynomial = b gram + c gram^2 (gram is symmetric), X = a X + polynomial X.
    backend_.SetLinear(packed_x, x.data(), nullptr);
    gram_.assign(static_cast<size_t>(m) * m, 0.0f);
    backend_.LinearAdd(packed_x, Rounded(x), m, gram_.data());
    backend_.SetLinear(packed_gram, gram_.data(), nullptr);
    polynomial_.assign(gram_.size(), 0.0f);
    backend_.LinearAdd(packed_gram, Rounded(gram_), m, polynomial_.data());
    for (size_t i = 0; i < gram_.size(); ++i) polynomial_[i] = kB * gram_[i] + kC * polynomial_[i];
    backend_.LinearInputGradient(packed_x, Rounded(polynomial_), m, change_.data());
    for (size_t i = 0; i < x.size(); ++i) x[i] = kA * x[i] + change_[i];
  }
  matrix = tall ? Transposed(x, m, n) : x;
}

}  // namespace agon::policy
