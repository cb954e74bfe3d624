#include "policy/cuda/matmul.h"

#include <cstdint>
#include <string>

#include "core/error.h"

namespace agon::policy::cuda {
namespace {

constexpr uint32_t kAlignmentBytes = 16;
constexpr int kMaxCandidates = 64;

uint64_t Extent(int n) { return static_cast<uint64_t>(n); }

// A matrix as cuBLASLt sees it: column-major, so that our rows are its columns.
class Layout {
 public:
  Layout(cudaDataType_t type, int rows, int cols, int stride) {
    CheckBlas(cublasLtMatrixLayoutCreate(&layout_, type, Extent(rows), Extent(cols), stride),
              "matrix layout");
  }
  ~Layout() { cublasLtMatrixLayoutDestroy(layout_); }
  Layout(const Layout&) = delete;

  void SetCols(int cols) {
    const uint64_t value = Extent(cols);
    CheckBlas(cublasLtMatrixLayoutSetAttribute(layout_, CUBLASLT_MATRIX_LAYOUT_COLS, &value,
                                               sizeof value),
              "matrix layout");
  }
  cublasLtMatrixLayout_t get() const { return layout_; }

 private:
  cublasLtMatrixLayout_t layout_ = nullptr;
};

class Preference {
 public:
  Preference() {
    CheckBlas(cublasLtMatmulPreferenceCreate(&preference_), "matmul preference");
    Set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, uint64_t{0});
    Set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, uint32_t{CUBLASLT_REDUCTION_SCHEME_NONE});
    for (const auto alignment :
         {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
          CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
      Set(alignment, kAlignmentBytes);
    }
  }
  ~Preference() { cublasLtMatmulPreferenceDestroy(preference_); }
  Preference(const Preference&) = delete;

  cublasLtMatmulPreference_t get() const { return preference_; }

 private:
  template <typename T>
  void Set(cublasLtMatmulPreferenceAttributes_t attribute, T value) {
    CheckBlas(cublasLtMatmulPreferenceSetAttribute(preference_, attribute, &value, sizeof value),
              "matmul preference");
  }

  cublasLtMatmulPreference_t preference_ = nullptr;
};

uint32_t Config(const cublasLtMatmulAlgo_t& algorithm,
                cublasLtMatmulAlgoConfigAttributes_t attribute) {
  uint32_t value = 0;
  size_t written = 0;
  CheckBlas(
      cublasLtMatmulAlgoConfigGetAttribute(&algorithm, attribute, &value, sizeof value, &written),
      "matmul algorithm");
  return value;
}

std::string Describe(const MatmulShape& shape) {
  const char* names[] = {"y = x W^T", "dx = dy W", "dW = dy^T x"};
  return std::string(names[static_cast<int>(shape.kind)]) + " with W " + std::to_string(shape.out) +
         " x " + std::to_string(shape.in) + (shape.is_bf16 ? " in bf16" : " in fp32");
}

}  // namespace

void CheckBlas(cublasStatus_t status, const char* op) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw Error(ErrorKind::kFailed, std::string("cuBLASLt: ") + cublasLtGetStatusString(status), op);
}

// Descriptors of one product and its algorithm.
class Matmul::Plan {
 public:
  Plan(cublasLtHandle_t handle, const MatmulShape& shape)
      : handle_(handle),
        shape_(shape),
        left_(Operand(), shape.in, shape.out, shape.in),
        right_(Operand(), IsForward() ? shape.in : shape.out, 1,
               IsForward() ? shape.in : shape.dy_stride),
        result_(shape.is_float_result ? CUDA_R_32F : Operand(), IsForward() ? shape.out : shape.in,
                shape.out,
                IsForward()          ? shape.dy_stride
                : IsWeightGradient() ? shape.in
                                     : shape.dx_stride) {
    CheckBlas(cublasLtMatmulDescCreate(&product_, CUBLAS_COMPUTE_32F, CUDA_R_32F), "matmul");
    SetTransposed(CUBLASLT_MATMUL_DESC_TRANSA, IsForward());
    SetTransposed(CUBLASLT_MATMUL_DESC_TRANSB, IsWeightGradient());
    Choose();
  }
  ~Plan() { cublasLtMatmulDescDestroy(product_); }
  Plan(const Plan&) = delete;

  void Run(const char* op, int rows, const void* left, const void* right, void* result,
           cudaStream_t stream) {
    SetRows(rows);
    const float one = 1.0f, kept = shape_.adds ? 1.0f : 0.0f;
    CheckBlas(cublasLtMatmul(handle_, product_, &one, left, left_.get(), right, right_.get(), &kept,
                             result, result_.get(), result, result_.get(), &algorithm_, nullptr, 0,
                             stream),
              op);
  }

 private:
  bool IsForward() const { return shape_.kind == MatmulShape::Kind::kForward; }
  bool IsWeightGradient() const { return shape_.kind == MatmulShape::Kind::kWeightGradient; }
  cudaDataType_t Operand() const { return shape_.is_bf16 ? CUDA_R_16BF : CUDA_R_32F; }

  void SetTransposed(cublasLtMatmulDescAttributes_t which, bool is_transposed) {
    const auto value = static_cast<int32_t>(is_transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
    CheckBlas(cublasLtMatmulDescSetAttribute(product_, which, &value, sizeof value), "matmul");
  }

  void SetRows(int rows) {
    right_.SetCols(rows);
    (IsWeightGradient() ? left_ : result_).SetCols(rows);
  }

  bool Works(const cublasLtMatmulAlgo_t& algorithm, int rows) {
    SetRows(rows);
    cublasLtMatmulHeuristicResult_t check{};
    return cublasLtMatmulAlgoCheck(handle_, product_, left_.get(), right_.get(), result_.get(),
                                   result_.get(), &algorithm, &check) == CUBLAS_STATUS_SUCCESS &&
           check.workspaceSize == 0;
  }

  // The best of cuBLASLt's proposals whose result can't depend on the number of rows.
  void Choose() {
    SetRows(kReferenceRows);
    std::array<cublasLtMatmulHeuristicResult_t, kMaxCandidates> found{};
    int num_found = 0;
    const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
        handle_, product_, left_.get(), right_.get(), result_.get(), result_.get(),
        Preference().get(), kMaxCandidates, found.data(), &num_found);
    if (status != CUBLAS_STATUS_NOT_SUPPORTED) CheckBlas(status, "choice of a matmul algorithm");
    for (int i = 0; i < num_found; ++i) {
      const cublasLtMatmulAlgo_t& algorithm = found[static_cast<size_t>(i)].algo;
      if (found[static_cast<size_t>(i)].state != CUBLAS_STATUS_SUCCESS ||
          found[static_cast<size_t>(i)].workspaceSize > 0 ||
          Config(algorithm, CUBLASLT_ALGO_CONFIG_SPLITK_NUM) > 1 ||
          Config(algorithm, CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME) !=
              CUBLASLT_REDUCTION_SCHEME_NONE) {
        continue;
      }
      if (!Works(algorithm, 1) || !Works(algorithm, 1 << 16)) continue;
      algorithm_ = algorithm;
      return;
    }
    throw Error(ErrorKind::kUnsupported,
                "cuBLASLt has no algorithm for " + Describe(shape_) +
                    " whose rows don't depend on each other",
                "matmul", "report this with the GPU's name and the CUDA version");
  }

  cublasLtHandle_t handle_;
  MatmulShape shape_;
  Layout left_, right_, result_;
  cublasLtMatmulDesc_t product_ = nullptr;
  cublasLtMatmulAlgo_t algorithm_{};
};

Matmul::Matmul() { CheckBlas(cublasLtCreate(&handle_), "start of cuBLASLt"); }

Matmul::~Matmul() {
  plans_.clear();
  cublasLtDestroy(handle_);
}

void Matmul::Run(const char* op, const MatmulShape& shape, int rows, const void* left,
                 const void* right, void* result, cudaStream_t stream) {
  if (rows == 0) return;
  auto& plan = plans_[shape];
  if (!plan) plan = std::make_unique<Plan>(handle_, shape);
  plan->Run(op, rows, left, right, result, stream);
}

}  // namespace agon::policy::cuda
