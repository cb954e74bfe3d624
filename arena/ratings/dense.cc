#include "arena/ratings/dense.h"

#include <algorithm>
#include <cmath>

namespace agon::arena {

namespace {

// Rows taken out of the rest at once: fewer passes over what remains.
constexpr size_t kPanelRows = 4;

// row -= sum of factor[k] * panel[k], from column `first` on. The loop adds rows to a row,
// which compilers vectorise without having to reorder a sum.
void Eliminate(const double* const* panel, const double* factor, size_t num_rows, size_t first,
               size_t n, double* row) {
  if (num_rows == kPanelRows) {
    const double *p0 = panel[0], *p1 = panel[1], *p2 = panel[2], *p3 = panel[3];
    const double f0 = factor[0], f1 = factor[1], f2 = factor[2], f3 = factor[3];
    for (size_t j = first; j < n; ++j) {
      row[j] -= (f0 * p0[j] + f1 * p1[j]) + (f2 * p2[j] + f3 * p3[j]);
    }
    return;
  }
  for (size_t k = 0; k < num_rows; ++k) {
    for (size_t j = first; j < n; ++j) row[j] -= factor[k] * panel[k][j];
  }
}

}  // namespace

bool Factor(std::span<double> a, size_t n) {
  for (size_t begin = 0; begin < n; begin += kPanelRows) {
    const size_t end = std::min(begin + kPanelRows, n);
    const double* panel[kPanelRows] = {};
    double factor[kPanelRows] = {};
    for (size_t k = begin; k < end; ++k) {
      double* row = &a[k * n];
      for (size_t i = begin; i < k; ++i) factor[i - begin] = panel[i - begin][k];
      for (size_t i = begin; i < k; ++i)
        Eliminate(&panel[i - begin], &factor[i - begin], 1, k, n, row);
      if (!(row[k] > 0)) return false;
      const double root = std::sqrt(row[k]);
      row[k] = root;
      for (size_t j = k + 1; j < n; ++j) row[j] /= root;
      panel[k - begin] = row;
    }
    for (size_t i = end; i < n; ++i) {
      for (size_t k = begin; k < end; ++k) factor[k - begin] = panel[k - begin][i];
      Eliminate(panel, factor, end - begin, i, n, &a[i * n]);
    }
  }
  return true;
}

void Solve(std::span<const double> factor, size_t n, std::span<double> x) {
  for (size_t k = 0; k < n; ++k) {  // U^T y = x
    const double* row = &factor[k * n];
    x[k] /= row[k];
    for (size_t j = k + 1; j < n; ++j) x[j] -= row[j] * x[k];
  }
  for (size_t k = n; k-- > 0;) {  // U x = y
    const double* row = &factor[k * n];
    double sum = x[k];
    for (size_t j = k + 1; j < n; ++j) sum -= row[j] * x[j];
    x[k] = sum / row[k];
  }
}

std::vector<double> Inverse(std::span<const double> factor, size_t n) {
  std::vector<double> inverse(n * n, 0.0);
  for (size_t i = 0; i < n; ++i) {
    const std::span<double> row(&inverse[i * n], n);
    row[i] = 1;
    Solve(factor, n, row);
  }
  return inverse;
}

std::vector<double> Multiply(std::span<const double> a, std::span<const double> b, size_t n) {
  std::vector<double> product(n * n, 0.0);
  for (size_t i = 0; i < n; ++i) {
    for (size_t k = 0; k < n; ++k) {
      const double factor = a[i * n + k];
      if (factor == 0) continue;
      for (size_t j = 0; j < n; ++j) product[i * n + j] += factor * b[k * n + j];
    }
  }
  return product;
}

}  // namespace agon::arena
