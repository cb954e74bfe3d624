#include "policy/muon.h"

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

// x (rows, inner) w^T for w (out, inner), in the backend's compute type.
std::vector<float> Product(Backend& backend, const std::vector<float>& x, int rows,
                           const std::vector<float>& w, int out, int inner) {
  const auto packed = backend.NewLinear(out, inner, false);
  backend.SetLinear(*packed, w.data(), nullptr);
  std::vector<float> rounded(x.size());
  backend.Round(x.data(), static_cast<int64_t>(x.size()), rounded.data());
  std::vector<float> y(static_cast<size_t>(rows) * out);
  backend.LinearAdd(*packed, rounded.data(), rows, y.data());
  return y;
}

}  // namespace

void Orthogonalise(Backend& backend, int rows, int cols, std::vector<float>& matrix) {
  constexpr float kA = 3.4445f, kB = -4.7750f, kC = 2.0315f;
  const bool tall = rows > cols;  // iterate on the wide form: the Gram matrix is smaller
  std::vector<float> x = tall ? Transposed(matrix, rows, cols) : matrix;
  const int m = tall ? cols : rows, n = tall ? rows : cols;

  const double norm =
      std::sqrt(backend.SumOfSquares(x.data(), static_cast<int64_t>(x.size()))) + 1e-7;
  for (float& value : x) value = static_cast<float>(value / norm);
  for (int step = 0; step < 5; ++step) {
    const std::vector<float> gram = Product(backend, x, m, x, m, n);          // X X^T
    const std::vector<float> square = Product(backend, gram, m, gram, m, m);  // symmetric
    std::vector<float> poly(gram.size());
    for (size_t i = 0; i < gram.size(); ++i) poly[i] = kB * gram[i] + kC * square[i];
    const std::vector<float> change = Product(backend, poly, m, Transposed(x, m, n), n, m);
    for (size_t i = 0; i < x.size(); ++i) x[i] = kA * x[i] + change[i];
  }
  matrix = tall ? Transposed(x, m, n) : x;
}

}  // namespace agon::policy
