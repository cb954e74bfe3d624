// cuBLASLt on the emulated device: descriptors, the choice of an algorithm, products.
#include <cublasLt.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "tests/cuda_emulator/cublaslt_product.h"
#include "tests/cuda_emulator/device_memory.h"
#include "tests/cuda_emulator/stream.h"

namespace cuda_emulator {

struct BlasHandle {};

struct MatmulDescription {
  bool is_a_transposed = false, is_b_transposed = false;
};

struct MatmulPreference {
  uint64_t max_workspace_bytes = 0;
  uint32_t reduction_mask = CUBLASLT_REDUCTION_SCHEME_MASK;
  uint32_t alignment_bytes = 256;  // the smallest that was promised; 256 until it is set
};

namespace {

constexpr uint64_t kMagic = 0x616c676f726974ull;
constexpr size_t kSplitWorkspaceBytes = 1 << 20;
constexpr uint64_t kFewCols = 64, kFewestWideCols = 8;

// Everything that was created and not destroyed, by any thread.
std::mutex live_mutex;
std::set<const void*>& Live() {
  static std::set<const void*> live;
  return live;
}

template <typename T>
cublasStatus_t Create(T** p) {
  if (!p) return CUBLAS_STATUS_INVALID_VALUE;
  *p = new T;
  const std::lock_guard lock(live_mutex);
  Live().insert(*p);
  return CUBLAS_STATUS_SUCCESS;
}

template <typename T>
cublasStatus_t Destroy(T* p) {
  const std::lock_guard lock(live_mutex);
  if (Live().erase(p) == 0) return CUBLAS_STATUS_INVALID_VALUE;
  delete p;
  return CUBLAS_STATUS_SUCCESS;
}

template <typename... T>
bool AreLive(const T*... p) {
  const std::lock_guard lock(live_mutex);
  return (Live().contains(p) && ...);
}

template <typename T>
cublasStatus_t SetTo(T& attribute, const void* value, size_t bytes) {
  if (!value || bytes != sizeof(T)) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&attribute, value, bytes);
  return CUBLAS_STATUS_SUCCESS;
}

bool IsLayout(const MatrixLayout& m) {
  const bool is_known = m.type == CUDA_R_32F || m.type == CUDA_R_16BF;
  return is_known && m.rows > 0 && m.cols > 0 && m.ld >= static_cast<int64_t>(m.rows) &&
         m.ld * m.element_bytes() % kBlasAlignmentBytes == 0;
}

// Do the sizes and types make a product?
cublasStatus_t CheckShapes(const MatmulDescription& p, const MatrixLayout& a, const MatrixLayout& b,
                           const MatrixLayout& c, const MatrixLayout& d) {
  if (!IsLayout(a) || !IsLayout(b) || !IsLayout(c) || !IsLayout(d)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  const uint64_t m = p.is_a_transposed ? a.cols : a.rows, ka = p.is_a_transposed ? a.rows : a.cols;
  const uint64_t n = p.is_b_transposed ? b.rows : b.cols, kb = p.is_b_transposed ? b.cols : b.rows;
  if (ka != kb || d.rows != m || d.cols != n || c.rows != m || c.cols != n) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  const bool fits =
      a.type == b.type && c.type == d.type && (d.type == CUDA_R_32F || a.type == CUDA_R_16BF);
  return fits ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

// The opaque words of an algorithm: what it was made for, and how it sums.
cublasLtMatmulAlgo_t MakeAlgorithm(MatmulAlgorithm how, const MatrixLayout& a,
                                   const MatrixLayout& d) {
  cublasLtMatmulAlgo_t algorithm{};
  algorithm.data[0] = kMagic;
  algorithm.data[1] = static_cast<uint64_t>(how);
  algorithm.data[2] = static_cast<uint64_t>(a.type) << 8 | static_cast<uint64_t>(d.type);
  return algorithm;
}

std::vector<MatmulAlgorithm> wanted_proposals;

// The best first, as the library sees it.
std::vector<MatmulAlgorithm> Proposals(uint64_t cols, bool may_reduce) {
  if (!wanted_proposals.empty()) return wanted_proposals;
  std::vector<MatmulAlgorithm> order;
  if (may_reduce) order.push_back(MatmulAlgorithm::kSplit);
  if (cols < kFewCols) {
    order.insert(order.end(), {MatmulAlgorithm::kInOrder, MatmulAlgorithm::kInBlocks});
  } else {
    order.insert(order.end(), {MatmulAlgorithm::kPartTile, MatmulAlgorithm::kAsTheyCome,
                               MatmulAlgorithm::kWideTile, MatmulAlgorithm::kInBlocks,
                               MatmulAlgorithm::kInOrder});
  }
  return order;
}

bool IsSplit(MatmulAlgorithm how) { return how == MatmulAlgorithm::kSplit; }

cublasStatus_t CheckAlgorithm(const cublasLtMatmulAlgo_t& algorithm, const MatrixLayout& a,
                              const MatrixLayout& d) {
  const uint64_t types = static_cast<uint64_t>(a.type) << 8 | static_cast<uint64_t>(d.type);
  if (algorithm.data[0] != kMagic || algorithm.data[2] != types) return CUBLAS_STATUS_INVALID_VALUE;
  const auto how = static_cast<MatmulAlgorithm>(algorithm.data[1]);
  const bool works = how != MatmulAlgorithm::kWideTile || d.cols >= kFewestWideCols;
  return works ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

bool IsAligned(const void* p) { return reinterpret_cast<uintptr_t>(p) % kBlasAlignmentBytes == 0; }

bool IsOnDevice(const MatrixLayout& m, const void* p) {
  return p && IsAligned(p) && DeviceMemory::Instance().Holds(p, m.bytes());
}

bool Overlap(const MatrixLayout& m, const void* p, const MatrixLayout& n, const void* q) {
  const auto *a = static_cast<const char*>(p), *b = static_cast<const char*>(q);
  return a < b + n.bytes() && b < a + m.bytes();
}

}  // namespace

void SetProposals(std::vector<MatmulAlgorithm> proposals) {
  wanted_proposals = std::move(proposals);
}

std::atomic<int64_t>& ProductCount(MatmulAlgorithm algorithm) {
  static std::array<std::atomic<int64_t>, 32> counts;
  return counts[static_cast<size_t>(algorithm)];
}

}  // namespace cuda_emulator

using cuda_emulator::AreLive;
using cuda_emulator::MatmulAlgorithm;

const char* cublasLtGetStatusString(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "CUBLAS_STATUS_NOT_SUPPORTED";
  }
  return "unknown status";
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) { return cuda_emulator::Create(handle); }
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) { return cuda_emulator::Destroy(handle); }

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType_t type,
                                          uint64_t rows, uint64_t cols, int64_t ld) {
  const cublasStatus_t status = cuda_emulator::Create(layout);
  if (status == CUBLAS_STATUS_SUCCESS) **layout = {type, rows, cols, ld};
  return status;
}
cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout,
                                                cublasLtMatrixLayoutAttribute_t attribute,
                                                const void* value, size_t bytes) {
  if (!AreLive(layout)) return CUBLAS_STATUS_INVALID_VALUE;
  switch (attribute) {
    case CUBLASLT_MATRIX_LAYOUT_ROWS:
      return cuda_emulator::SetTo(layout->rows, value, bytes);
    case CUBLASLT_MATRIX_LAYOUT_COLS:
      return cuda_emulator::SetTo(layout->cols, value, bytes);
    case CUBLASLT_MATRIX_LAYOUT_LD:
      return cuda_emulator::SetTo(layout->ld, value, bytes);
  }
  return CUBLAS_STATUS_INVALID_VALUE;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  return cuda_emulator::Destroy(layout);
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* description,
                                        cublasComputeType_t compute, cudaDataType_t scale) {
  if (compute != CUBLAS_COMPUTE_32F || scale != CUDA_R_32F) return CUBLAS_STATUS_INVALID_VALUE;
  return cuda_emulator::Create(description);
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t description,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, size_t bytes) {
  int32_t operation = 0;
  if (!AreLive(description) ||
      cuda_emulator::SetTo(operation, value, bytes) != CUBLAS_STATUS_SUCCESS ||
      (operation != CUBLAS_OP_N && operation != CUBLAS_OP_T)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  (attribute == CUBLASLT_MATMUL_DESC_TRANSA ? description->is_a_transposed
                                            : description->is_b_transposed) =
      operation == CUBLAS_OP_T;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t description) {
  return cuda_emulator::Destroy(description);
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  return cuda_emulator::Create(preference);
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* value, size_t bytes) {
  if (!AreLive(preference)) return CUBLAS_STATUS_INVALID_VALUE;
  if (attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES) {
    return cuda_emulator::SetTo(preference->max_workspace_bytes, value, bytes);
  }
  if (attribute == CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK) {
    return cuda_emulator::SetTo(preference->reduction_mask, value, bytes);
  }
  uint32_t alignment = 0;
  const cublasStatus_t status = cuda_emulator::SetTo(alignment, value, bytes);
  preference->alignment_bytes = std::min(preference->alignment_bytes, alignment);
  return status;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  return cuda_emulator::Destroy(preference);
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle,
                                              cublasLtMatmulDesc_t description,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int num_wanted,
                                              cublasLtMatmulHeuristicResult_t* results,
                                              int* num_found) {
  if (!AreLive(handle) || !AreLive(description, a, b, c, d, preference) || num_wanted < 1 ||
      !results || !num_found) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  *num_found = 0;
  const cublasStatus_t status = cuda_emulator::CheckShapes(*description, *a, *b, *c, *d);
  if (status != CUBLAS_STATUS_SUCCESS) return status;
  // Algorithms that need more than 16 bytes aren't there: who promised less gets nothing.
  if (preference->alignment_bytes < cuda_emulator::kBlasAlignmentBytes) {
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  const bool may_reduce = (preference->reduction_mask & CUBLASLT_REDUCTION_SCHEME_MASK) != 0;
  const size_t split_bytes = preference->max_workspace_bytes >= cuda_emulator::kSplitWorkspaceBytes
                                 ? cuda_emulator::kSplitWorkspaceBytes
                                 : 0;
  for (const MatmulAlgorithm how : cuda_emulator::Proposals(d->cols, may_reduce)) {
    if (*num_found == num_wanted) break;
    results[(*num_found)++] = {cuda_emulator::MakeAlgorithm(how, *a, *d),
                               cuda_emulator::IsSplit(how) ? split_bytes : 0, CUBLAS_STATUS_SUCCESS,
                               1.0f};
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoCheck(cublasLtHandle_t handle, cublasLtMatmulDesc_t description,
                                       cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                       cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                       const cublasLtMatmulAlgo_t* algorithm,
                                       cublasLtMatmulHeuristicResult_t* result) {
  if (!AreLive(handle) || !AreLive(description, a, b, c, d) || !algorithm || !result) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  cublasStatus_t status = cuda_emulator::CheckShapes(*description, *a, *b, *c, *d);
  if (status == CUBLAS_STATUS_SUCCESS) status = cuda_emulator::CheckAlgorithm(*algorithm, *a, *d);
  result->state = status;
  result->workspaceSize = 0;
  return status;
}

cublasStatus_t cublasLtMatmulAlgoConfigGetAttribute(const cublasLtMatmulAlgo_t* algorithm,
                                                    cublasLtMatmulAlgoConfigAttributes_t attribute,
                                                    void* value, size_t bytes, size_t* written) {
  if (!algorithm || algorithm->data[0] != cuda_emulator::kMagic || !value || !written ||
      bytes != sizeof(uint32_t)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  const auto how = static_cast<MatmulAlgorithm>(algorithm->data[1]);
  uint32_t number = static_cast<uint32_t>(how);
  if (attribute == CUBLASLT_ALGO_CONFIG_SPLITK_NUM) {
    number = cuda_emulator::IsSplit(how) ? cuda_emulator::kSplits : 1;
  } else if (attribute == CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME) {
    number = cuda_emulator::IsSplit(how) ? CUBLASLT_REDUCTION_SCHEME_INPLACE
                                         : CUBLASLT_REDUCTION_SCHEME_NONE;
  }
  std::memcpy(value, &number, sizeof number);
  *written = sizeof number;
  return CUBLAS_STATUS_SUCCESS;
}

size_t cublasLtGetVersion() { return cuda_emulator::CurrentMachine().cublaslt_version; }

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t description,
                              const void* alpha, const void* a, cublasLtMatrixLayout_t a_layout,
                              const void* b, cublasLtMatrixLayout_t b_layout, const void* beta,
                              const void* c, cublasLtMatrixLayout_t c_layout, void* d,
                              cublasLtMatrixLayout_t d_layout,
                              const cublasLtMatmulAlgo_t* algorithm, void*, size_t,
                              cudaStream_t stream) {
  using cuda_emulator::IsOnDevice;
  if (!AreLive(handle) || !AreLive(description, a_layout, b_layout, c_layout, d_layout) || !alpha ||
      !beta || !algorithm) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  cublasStatus_t status =
      cuda_emulator::CheckShapes(*description, *a_layout, *b_layout, *c_layout, *d_layout);
  if (status == CUBLAS_STATUS_SUCCESS) {
    status = cuda_emulator::CheckAlgorithm(*algorithm, *a_layout, *d_layout);
  }
  if (status != CUBLAS_STATUS_SUCCESS) return status;
  if (!IsOnDevice(*a_layout, a) || !IsOnDevice(*b_layout, b) || !IsOnDevice(*d_layout, d) ||
      c != d || c_layout->ld != d_layout->ld ||
      cuda_emulator::Overlap(*a_layout, a, *d_layout, d) ||
      cuda_emulator::Overlap(*b_layout, b, *d_layout, d)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  const cuda_emulator::Product product{
      .a = {a, *a_layout, description->is_a_transposed},
      .b = {b, *b_layout, description->is_b_transposed},
      .d = d,
      .d_layout = *d_layout,
      .alpha = *static_cast<const float*>(alpha),
      .beta = *static_cast<const float*>(beta),
      .algorithm = static_cast<MatmulAlgorithm>(algorithm->data[1])};
  if (product.algorithm == MatmulAlgorithm::kRefused) return CUBLAS_STATUS_NOT_SUPPORTED;
  ++cuda_emulator::ProductCount(product.algorithm);
  cuda_emulator::Streams::Instance().Add(stream, [product] {
    cuda_emulator::Multiply(product);
    cuda_emulator::Streams::Instance().Pass(cuda_emulator::PretendedNanoseconds(product));
  });
  return CUBLAS_STATUS_SUCCESS;
}
