// The arithmetic of an emulated product.
#pragma once

#include <cublasLt.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

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
  kInBlocks,      // blocks of 32, each summed by itself; bf16 as tensor cores do (matrix_product.h)
  kWideTile,      // as kInBlocks; only for several columns, and the faster for many
  kSplit,         // parts of K, whose size depends on the number of columns
  // These don't say it, but can't be used where bits count.
  kPartTile,    // as kInOrder, but columns of the last tile, which isn't full, in two parts
  kAsTheyCome,  // two parts of K, which begin elsewhere in every run
  kRefused,     // is said to work, and fails when it is to run
};

// For tests: what is proposed instead of the usual, and how many products were queued so far.
void SetProposals(std::vector<MatmulAlgorithm> proposals);  // none: the usual
std::atomic<int64_t>& ProductCount(MatmulAlgorithm algorithm);

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

// What a product is said to take: tiles of columns, wide ones the cheaper for each.
int64_t PretendedNanoseconds(const Product& product);

}  // namespace cuda_emulator
