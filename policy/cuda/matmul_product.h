// One product with a weight matrix as cuBLASLt sees it: column-major, so that our rows are its
// columns.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime.h>

#include <memory>
#include <string>
#include <vector>

#include "policy/cuda/matmul.h"

namespace agon::policy::cuda {

// How a product is computed.
struct MatmulAlgorithm {
  bool is_few_rows = false;           // by few_rows.cu
  cublasLtMatmulAlgo_t of_library{};  // else
};
bool operator==(const MatmulAlgorithm& a, const MatmulAlgorithm& b);

class MatmulProduct {
 public:
  // Keeps the handle.
  MatmulProduct(cublasLtHandle_t handle, const MatmulShape& shape);
  ~MatmulProduct();
  MatmulProduct(const MatmulProduct&) = delete;

  // What cuBLASLt proposes for so many rows, the best first, less what says itself that blocks
  // share a sum: splits K or needs memory. Then our own, if it may be used.
  std::vector<MatmulAlgorithm> Propose(int rows);
  bool Works(const MatmulAlgorithm& algorithm, int rows);
  // Throws as Matmul::Run.
  void Run(const char* op, const MatmulAlgorithm& algorithm, int rows, const void* left,
           const void* right, void* result, cudaStream_t stream);
  // False if cuBLASLt refuses it, though it may have said that it works.
  bool TryRun(const MatmulAlgorithm& algorithm, int rows, const void* left, const void* right,
              void* result, cudaStream_t stream);

 private:
  class Layout;

  bool TakesFewRows(int rows) const;
  cublasStatus_t Queue(const char* op, const MatmulAlgorithm& algorithm, int rows, const void* left,
                       const void* right, void* result, cudaStream_t stream);
  std::vector<MatmulAlgorithm> OfLibrary();
  void SetTransposed(cublasLtMatmulDescAttributes_t which, bool is_transposed);
  void SetRows(int rows);

  cublasLtHandle_t handle_;
  MatmulShape shape_;
  std::unique_ptr<Layout> left_, right_, result_;
  cublasLtMatmulDesc_t product_ = nullptr;
};

// Words for a message.
std::string Describe(const MatmulShape& shape);

}  // namespace agon::policy::cuda
