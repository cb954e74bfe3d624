// The emulated cuBLASLt tempts and refuses as it should.
#include <cublasLt.h>
#include <gtest/gtest.h>

#include <vector>

namespace {

constexpr int kM = 16, kK = 96;

// c (16, cols) = a^T b of fp32 matrices on the device, column-major.
class CublasLt : public ::testing::Test {
 protected:
  CublasLt() {
    cublasLtCreate(&handle_);
    cublasLtMatmulDescCreate(&product_, CUBLAS_COMPUTE_32F, CUDA_R_32F);
    const int32_t transposed = CUBLAS_OP_T;
    cublasLtMatmulDescSetAttribute(product_, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, 4);
    cublasLtMatmulPreferenceCreate(&preference_);
    cudaMalloc(&a_, kK * kM * 4);
    cudaMalloc(&b_, kK * 128 * 4);
    cudaMalloc(&c_, kM * 128 * 4);
    std::vector<float> values(kK * 128);
    for (size_t i = 0; i < values.size(); ++i) values[i] = 1.0f / static_cast<float>(3 + i % 17);
    cudaMemcpy(a_, values.data(), kK * kM * 4, cudaMemcpyHostToDevice);
    cudaMemcpy(b_, values.data(), kK * 128 * 4, cudaMemcpyHostToDevice);
    cublasLtMatrixLayoutCreate(&a_layout_, CUDA_R_32F, kK, kM, kK);
    SetCols(128);
  }
  ~CublasLt() override {
    cudaDeviceSynchronize();
    for (float* p : {a_, b_, c_}) cudaFree(p);
    for (auto* layout : {a_layout_, b_layout_, c_layout_}) cublasLtMatrixLayoutDestroy(layout);
    cublasLtMatmulPreferenceDestroy(preference_);
    cublasLtMatmulDescDestroy(product_);
    cublasLtDestroy(handle_);
  }

  void SetCols(uint64_t cols) {
    if (b_layout_) cublasLtMatrixLayoutDestroy(b_layout_), cublasLtMatrixLayoutDestroy(c_layout_);
    cublasLtMatrixLayoutCreate(&b_layout_, CUDA_R_32F, kK, cols, kK);
    cublasLtMatrixLayoutCreate(&c_layout_, CUDA_R_32F, kM, cols, kM);
  }
  void Prefer(cublasLtMatmulPreferenceAttributes_t attribute, uint32_t value) {
    cublasLtMatmulPreferenceSetAttribute(preference_, attribute, &value, sizeof value);
  }
  std::vector<cublasLtMatmulAlgo_t> Proposals() {
    cublasLtMatmulHeuristicResult_t results[8];
    int count = 0;
    EXPECT_EQ(cublasLtMatmulAlgoGetHeuristic(handle_, product_, a_layout_, b_layout_, c_layout_,
                                             c_layout_, preference_, 8, results, &count),
              CUBLAS_STATUS_SUCCESS);
    std::vector<cublasLtMatmulAlgo_t> algorithms;
    for (int i = 0; i < count; ++i) algorithms.push_back(results[i].algo);
    return algorithms;
  }
  cublasStatus_t Run(const cublasLtMatmulAlgo_t& algorithm, const void* b, void* c) {
    const float one = 1.0f, zero = 0.0f;
    return cublasLtMatmul(handle_, product_, &one, a_, a_layout_, b, b_layout_, &zero, c, c_layout_,
                          c, c_layout_, &algorithm, nullptr, 0, nullptr);
  }
  std::vector<float> FirstColumn(const cublasLtMatmulAlgo_t& algorithm) {
    EXPECT_EQ(Run(algorithm, b_, c_), CUBLAS_STATUS_SUCCESS);
    std::vector<float> column(kM);
    cudaMemcpy(column.data(), c_, kM * 4, cudaMemcpyDeviceToHost);
    return column;
  }
  uint32_t Splits(const cublasLtMatmulAlgo_t& algorithm) {
    uint32_t splits = 0;
    size_t written = 0;
    cublasLtMatmulAlgoConfigGetAttribute(&algorithm, CUBLASLT_ALGO_CONFIG_SPLITK_NUM, &splits,
                                         sizeof splits, &written);
    return splits;
  }

  cublasLtHandle_t handle_ = nullptr;
  cublasLtMatmulDesc_t product_ = nullptr;
  cublasLtMatmulPreference_t preference_ = nullptr;
  cublasLtMatrixLayout_t a_layout_ = nullptr, b_layout_ = nullptr, c_layout_ = nullptr;
  float *a_ = nullptr, *b_ = nullptr, *c_ = nullptr;
};

TEST_F(CublasLt, SplitsKUnlessItIsForbidden) {
  EXPECT_GT(Splits(Proposals().front()), 1u);
  Prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, CUBLASLT_REDUCTION_SCHEME_NONE);
  for (const auto& algorithm : Proposals()) EXPECT_EQ(Splits(algorithm), 1u);
}

TEST_F(CublasLt, ProposesAnotherSumForAnotherSize) {
  Prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, CUBLASLT_REDUCTION_SCHEME_NONE);
  const auto many = Proposals();
  SetCols(1);
  const auto few = Proposals();
  EXPECT_NE(FirstColumn(few.front()), FirstColumn(many[3]));
  EXPECT_EQ(FirstColumn(few.front()), FirstColumn(many[4]));
  // And one for many doesn't work for one.
  EXPECT_EQ(Run(many[2], b_, c_), CUBLAS_STATUS_NOT_SUPPORTED);
}

TEST_F(CublasLt, ProposesWhatDependsOnTheNumberOfRowsOrTheRunAndDoesNotSayIt) {
  Prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, CUBLASLT_REDUCTION_SCHEME_NONE);
  const auto proposals = Proposals();
  const auto of_many = FirstColumn(proposals[0]);
  EXPECT_NE(FirstColumn(proposals[1]), FirstColumn(proposals[1]));
  SetCols(1);
  EXPECT_NE(FirstColumn(proposals[0]), of_many);
}

TEST_F(CublasLt, RefusesWhatAGpuWould) {
  const cublasLtMatmulAlgo_t algorithm = Proposals()[3];
  std::vector<float> host(kK * 128);
  EXPECT_EQ(Run(algorithm, host.data(), c_), CUBLAS_STATUS_INVALID_VALUE);  // not the device's
  EXPECT_EQ(Run(algorithm, b_ + 1, c_), CUBLAS_STATUS_INVALID_VALUE);       // not aligned
  EXPECT_EQ(Run(algorithm, b_ + 4, c_), CUBLAS_STATUS_INVALID_VALUE);       // ends too early
  EXPECT_EQ(Run(algorithm, b_, b_), CUBLAS_STATUS_INVALID_VALUE);           // in an operand
  EXPECT_EQ(Run({}, b_, c_), CUBLAS_STATUS_INVALID_VALUE);                  // no algorithm
  cublasLtMatrixLayoutDestroy(c_layout_);
  EXPECT_EQ(Run(algorithm, b_, c_), CUBLAS_STATUS_INVALID_VALUE);  // destroyed
  cublasLtMatrixLayoutCreate(&c_layout_, CUDA_R_32F, kM + 16, 128, kM + 16);
  EXPECT_EQ(Run(algorithm, b_, c_), CUBLAS_STATUS_INVALID_VALUE);  // sizes that don't match
}

TEST_F(CublasLt, PromisedAlignmentIsAsked) {
  Prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, 4);
  cublasLtMatmulHeuristicResult_t result;
  int count = 0;
  EXPECT_EQ(cublasLtMatmulAlgoGetHeuristic(handle_, product_, a_layout_, b_layout_, c_layout_,
                                           c_layout_, preference_, 1, &result, &count),
            CUBLAS_STATUS_NOT_SUPPORTED);
}

TEST_F(CublasLt, AttributesOfTheWrongSizeAreRefused) {
  const int64_t wide = 1;
  EXPECT_EQ(cublasLtMatmulDescSetAttribute(product_, CUBLASLT_MATMUL_DESC_TRANSB, &wide, 8),
            CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(cublasLtMatrixLayoutSetAttribute(b_layout_, CUBLASLT_MATRIX_LAYOUT_COLS, &wide, 4),
            CUBLAS_STATUS_INVALID_VALUE);
}

}  // namespace
