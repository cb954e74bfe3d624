#include "tests/cuda_emulator/matrix_product.h"

#include <bit>
#include <cstddef>

namespace cuda_emulator {
namespace {

constexpr int kRows = 16, kColumns = 8, kSummed = 16;

float Low(uint32_t pair) { return std::bit_cast<float>(pair << 16); }
float High(uint32_t pair) { return std::bit_cast<float>(pair & 0xffff0000u); }

const MatrixOperands& Of(void* lane) { return *static_cast<const MatrixOperands*>(lane); }

}  // namespace

void MultiplyMatrices(const std::array<void*, 32>& lanes) {
  float left[kRows][kSummed], right[kSummed][kColumns], sums[kRows][kColumns];
  for (int lane = 0; lane < 32; ++lane) {
    const MatrixOperands& o = Of(lanes[static_cast<std::size_t>(lane)]);
    const int g = lane / 4, t = lane % 4 * 2;
    for (int i = 0; i < 4; ++i) {
      left[g + i % 2 * 8][t + i / 2 * 8] = Low(o.left[i]);
      left[g + i % 2 * 8][t + i / 2 * 8 + 1] = High(o.left[i]);
    }
    for (int i = 0; i < 2; ++i) {
      right[t + 8 * i][g] = Low(o.right[i]);
      right[t + 8 * i + 1][g] = High(o.right[i]);
    }
  }
  for (int row = 0; row < kRows; ++row) {
    float products[kSummed][kColumns];  // exact: two factors of 8 bits
    for (int k = 0; k < kSummed; ++k) {
      for (int n = 0; n < kColumns; ++n) products[k][n] = left[row][k] * right[k][n];
    }
    for (int half = kSummed / 2; half > 0; half /= 2) {
      for (int k = 0; k < half; ++k) {
        for (int n = 0; n < kColumns; ++n) products[k][n] += products[k + half][n];
      }
    }
    for (int n = 0; n < kColumns; ++n) sums[row][n] = products[0][n];
  }
  for (int lane = 0; lane < 32; ++lane) {
    const MatrixOperands& o = Of(lanes[static_cast<std::size_t>(lane)]);
    for (int i = 0; i < 4; ++i) o.sum[i] += sums[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2];
  }
}

void ShareMatrixRows(const std::array<void*, 32>& lanes) {
  int begins[32];
  for (std::size_t i = 0; i < 32; ++i) begins[i] = static_cast<const MatrixRows*>(lanes[i])->begin;
  for (void* lane : lanes) {
    for (int i = 0; i < 32; ++i) static_cast<MatrixRows*>(lane)->begins[i] = begins[i];
  }
}

}  // namespace cuda_emulator
