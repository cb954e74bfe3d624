// The arithmetic of an emulated product.
#pragma once

#include <cublasLt.h>

#include <cstddef>
#include <cstdint>

namespace cuda_emulator {

inline constexpr int64_t kBlasAlignmentBytes = 16;
inline constexpr uint32_t kSplits = 4;

// Column-major.
struct MatrixLayout {
  cudaDataType_t type;
  uint64_t rows, cols;
  int64_t ld;

  int64_t element_bytes() const { return type == CUDA_R_16BF ? 2 : 4; }
  size_t bytes() const {
    return (static_cast<size_t>(ld) * (cols - 1) + rows) * static_cast<size_t>(element_bytes());
  }
};

// In which order an element's products are added.
enum class MatmulAlgorithm : uint64_t {
  kInOrder = 20,  // over k
  kInBlocks,      // blocks of 32, each summed by itself
  kWideTile,      // as kInOrder; only for many columns
  kSplit,         // parts of K, whose size depends on the number of columns
};

struct Operand {
  const void* data;
  MatrixLayout layout;
  bool is_transposed;
};

// d = alpha a b + beta d.
struct Product {
  Operand a, b;
  void* d;
  MatrixLayout d_layout;
  float alpha, beta;
  MatmulAlgorithm algorithm;
};

void Multiply(const Product& product);

}  // namespace cuda_emulator
