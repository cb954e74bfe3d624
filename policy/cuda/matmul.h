// Products with a weight matrix by cuBLASLt, one algorithm for each shape of weights.
//
// Left alone, cuBLASLt picks an algorithm for the sizes at hand, and a row's bits would depend on
// how many rows are computed with it. Here an algorithm is chosen once for (product, out, in),
// at kReferenceRows rows, and kept for any number of rows. Only those pass that need no workspace
// and don't split K, so that an element is summed by one block in an order that the shape alone
// decides: what would exchange partial sums (split-K, stream-K) needs memory to do so.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime.h>

#include <array>
#include <compare>
#include <map>
#include <memory>

namespace agon::policy::cuda {

inline constexpr int kReferenceRows = 512;

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
  Matmul();
  ~Matmul();
  Matmul(const Matmul&) = delete;

  // Queues the product of `rows` rows on `stream`. `left` is W, or x for the weight gradient;
  // `right` is x, or dy for both gradients. Addresses are multiples of 16 bytes. Throws
  // kUnsupported if cuBLASLt has no algorithm that may be used.
  void Run(const char* op, const MatmulShape& shape, int rows, const void* left, const void* right,
           void* result, cudaStream_t stream);

 private:
  class Plan;

  cublasLtHandle_t handle_ = nullptr;
  std::map<MatmulShape, std::unique_ptr<Plan>> plans_;
};

}  // namespace agon::policy::cuda
