// Products with a weight matrix by cuBLASLt, each by an algorithm that was tried first.
//
// Left alone, cuBLASLt picks an algorithm for the sizes at hand, and a row's bits would depend on
// how many rows are computed with it. Here an algorithm is only used once it has given the same
// rows the same bits on this GPU, whatever their number and place (matmul_choice.h). Few rows, some
// and many may have different algorithms, but only such that give equal bits: which of them is the
// fastest is measured, and changes no result.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime.h>

#include <compare>
#include <map>
#include <memory>
#include <span>

#include "policy/cuda/space.h"

namespace agon::policy::cuda {

// Throws kFailed with what cuBLASLt says and the op that it happened in.
void CheckBlas(cublasStatus_t status, const char* op);

// What a product is, apart from the number of rows. All matrices are row-major.
struct MatmulShape {
  enum class Kind {
    kForward,         // y (rows, out) = x (rows, in) W^T
    kInputGradient,   // dx (rows, in) = dy (rows, out) W
    kWeightGradient,  // dw (out, in) = dy^T x
  };
  Kind kind;
  int out, in;           // of W (out, in)
  int dy_stride;         // elements from one row of y or dy to the next, at least `out`
  int dx_stride;         // of dx, at least `in`
  bool is_bf16;          // operands
  bool is_float_result;  // else as the operands
  bool adds;             // to what the result holds

  auto operator<=>(const MatmulShape&) const = default;
};

// Not thread-safe: used by its backend's thread.
class Matmul {
 public:
  // Keeps both. Memory in which algorithms are tried comes from `space`.
  Matmul(const Gpu& gpu, Space& space);
  ~Matmul();
  Matmul(const Matmul&) = delete;

  // Takes what trials of these shapes need, of which there will be up to `most_rows`. In a planned
  // Room it is called once, with the largest.
  void Reserve(std::span<const MatmulShape> shapes, int most_rows);

  // Queues the product of `rows` rows on the GPU's stream. `left` is W, or x for the weight
  // gradient; `right` is x, or dy for both gradients. Addresses are multiples of 16 bytes. The
  // first one of a shape, and of few, some or many rows, in this process waits, and takes some
  // tenths of a second. Throws kUnsupported if cuBLASLt has no algorithm that may be used.
  void Run(const char* op, const MatmulShape& shape, int rows, const void* left, const void* right,
           void* result);

  // Whether `rows` rows, which it has run, are computed by our own kernel. For benchmarks.
  bool UsesFewRows(const MatmulShape& shape, int rows) const;

 private:
  struct Plan;

  const Gpu& gpu_;
  cublasLtHandle_t handle_ = nullptr;
  CudaMemory memory_;
  int trial_rows_;
  std::map<MatmulShape, std::unique_ptr<Plan>> plans_;
};

}  // namespace agon::policy::cuda
