#include "policy/cuda/matmul_product.h"

#include <array>
#include <cstdint>
#include <cstring>

#include "core/error.h"
#include "policy/cuda/kernels.h"

namespace agon::policy::cuda {
namespace {

constexpr uint32_t kAlignmentBytes = 16;
constexpr int kMostProposals = 16;

uint64_t Extent(int n) { return static_cast<uint64_t>(n); }

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

bool SharesSums(const cublasLtMatmulHeuristicResult_t& proposal) {
  return proposal.workspaceSize > 0 || Config(proposal.algo, CUBLASLT_ALGO_CONFIG_SPLITK_NUM) > 1 ||
         Config(proposal.algo, CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME) !=
             CUBLASLT_REDUCTION_SCHEME_NONE;
}

bool IsForward(const MatmulShape& s) { return s.kind == MatmulShape::Kind::kForward; }
bool IsWeightGradient(const MatmulShape& s) { return s.kind == MatmulShape::Kind::kWeightGradient; }

cudaDataType_t OperandType(const MatmulShape& s) { return s.is_bf16 ? CUDA_R_16BF : CUDA_R_32F; }
cudaDataType_t ResultType(const MatmulShape& s) {
  return s.is_float_result ? CUDA_R_32F : OperandType(s);
}

}  // namespace

bool operator==(const MatmulAlgorithm& a, const MatmulAlgorithm& b) {
  return a.is_few_rows == b.is_few_rows &&
         std::memcmp(&a.of_library, &b.of_library, sizeof b.of_library) == 0;
}

std::string Describe(const MatmulShape& shape) {
  const char* names[] = {"y = x W^T", "dx = dy W", "dW = dy^T x"};
  return std::string(names[static_cast<int>(shape.kind)]) + " with W " + std::to_string(shape.out) +
         " x " + std::to_string(shape.in) + (shape.is_bf16 ? " in bf16" : " in fp32");
}

class MatmulProduct::Layout {
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

MatmulProduct::MatmulProduct(cublasLtHandle_t handle, const MatmulShape& s)
    : handle_(handle), shape_(s) {
  const bool is_forward = IsForward(s);
  left_ = std::make_unique<Layout>(OperandType(s), s.in, s.out, s.in);
  right_ = std::make_unique<Layout>(OperandType(s), is_forward ? s.in : s.out, 1,
                                    is_forward ? s.in : s.dy_stride);
  result_ = std::make_unique<Layout>(ResultType(s), is_forward ? s.out : s.in, s.out,
                                     is_forward            ? s.dy_stride
                                     : IsWeightGradient(s) ? s.in
                                                           : s.dx_stride);
  CheckBlas(cublasLtMatmulDescCreate(&product_, CUBLAS_COMPUTE_32F, CUDA_R_32F), "matmul");
  SetTransposed(CUBLASLT_MATMUL_DESC_TRANSA, is_forward);
  SetTransposed(CUBLASLT_MATMUL_DESC_TRANSB, IsWeightGradient(s));
}

MatmulProduct::~MatmulProduct() { cublasLtMatmulDescDestroy(product_); }

void MatmulProduct::SetTransposed(cublasLtMatmulDescAttributes_t which, bool is_transposed) {
  const auto value = static_cast<int32_t>(is_transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
  CheckBlas(cublasLtMatmulDescSetAttribute(product_, which, &value, sizeof value), "matmul");
}

void MatmulProduct::SetRows(int rows) {
  right_->SetCols(rows);
  (IsWeightGradient(shape_) ? left_ : result_)->SetCols(rows);
}

bool MatmulProduct::TakesFewRows(int rows) const {
  return IsForward(shape_) && shape_.is_bf16 && rows <= kMostFewRows && shape_.out % 16 == 0 &&
         shape_.in % 16 == 0 && (shape_.is_float_result || !shape_.adds);
}

std::vector<MatmulAlgorithm> MatmulProduct::Propose(int rows) {
  SetRows(rows);
  std::vector<MatmulAlgorithm> proposals = OfLibrary();
  if (TakesFewRows(rows)) proposals.push_back({.is_few_rows = true});
  return proposals;
}

std::vector<MatmulAlgorithm> MatmulProduct::OfLibrary() {
  std::array<cublasLtMatmulHeuristicResult_t, kMostProposals> found{};
  int num_found = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
      handle_, product_, left_->get(), right_->get(), result_->get(), result_->get(),
      Preference().get(), kMostProposals, found.data(), &num_found);
  if (status != CUBLAS_STATUS_NOT_SUPPORTED) CheckBlas(status, "choice of a matmul algorithm");
  std::vector<MatmulAlgorithm> proposals;
  for (int i = 0; i < num_found; ++i) {
    const auto& proposal = found[static_cast<size_t>(i)];
    if (proposal.state != CUBLAS_STATUS_SUCCESS || SharesSums(proposal)) continue;
    proposals.push_back({.of_library = proposal.algo});
  }
  return proposals;
}

bool MatmulProduct::Works(const MatmulAlgorithm& algorithm, int rows) {
  if (algorithm.is_few_rows) return TakesFewRows(rows);
  SetRows(rows);
  cublasLtMatmulHeuristicResult_t check{};
  return cublasLtMatmulAlgoCheck(handle_, product_, left_->get(), right_->get(), result_->get(),
                                 result_->get(), &algorithm.of_library,
                                 &check) == CUBLAS_STATUS_SUCCESS &&
         check.workspaceSize == 0;
}

void MatmulProduct::Run(const char* op, const MatmulAlgorithm& algorithm, int rows,
                        const void* left, const void* right, void* result, cudaStream_t stream) {
  CheckBlas(Queue(op, algorithm, rows, left, right, result, stream), op);
}

bool MatmulProduct::TryRun(const MatmulAlgorithm& algorithm, int rows, const void* left,
                           const void* right, void* result, cudaStream_t stream) {
  if (Queue("trial of a product", algorithm, rows, left, right, result, stream) ==
      CUBLAS_STATUS_SUCCESS) {
    return true;
  }
  cudaGetLastError();
  return false;
}

cublasStatus_t MatmulProduct::Queue(const char* op, const MatmulAlgorithm& algorithm, int rows,
                                    const void* left, const void* right, void* result,
                                    cudaStream_t stream) {
  if (algorithm.is_few_rows) {
    const auto run = [&](auto* y) {
      FewRows(op, static_cast<const Bf16*>(left), shape_.out, shape_.in,
              static_cast<const Bf16*>(right), rows, shape_.adds, y, shape_.dy_stride, stream);
    };
    shape_.is_float_result ? run(static_cast<float*>(result)) : run(static_cast<Bf16*>(result));
    return CUBLAS_STATUS_SUCCESS;
  }
  SetRows(rows);
  const float one = 1.0f, kept = shape_.adds ? 1.0f : 0.0f;
  return cublasLtMatmul(handle_, product_, &one, left, left_->get(), right, right_->get(), &kept,
                        result, result_->get(), result, result_->get(), &algorithm.of_library,
                        nullptr, 0, stream);
}

}  // namespace agon::policy::cuda
