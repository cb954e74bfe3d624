// Which algorithms of the emulated cuBLASLt products run with, and which are refused.
#include "policy/cuda/matmul_choice.h"

#include <gtest/gtest.h>

#include "policy/cuda/kernels.h"
#include "tests/cuda/device_arrays.h"
#include "tests/cuda_emulator/cublaslt_product.h"
#include "tests/error_of.h"

namespace agon::policy::cuda {
namespace {

using Algorithm = cuda_emulator::MatmulAlgorithm;
using Kind = MatmulShape::Kind;
using cuda_emulator::ProductCount;

MatmulShape ProductOf(Kind kind, int out, int in) {
  return {.kind = kind,
          .out = out,
          .in = in,
          .dy_stride = out,
          .dx_stride = in,
          .is_bf16 = true,
          .is_float_result = kind == Kind::kWeightGradient,
          .adds = kind == Kind::kWeightGradient};
}

int64_t CountAll() {
  int64_t count = 0;
  for (auto a = Algorithm::kInOrder; a <= Algorithm::kAsTheyCome;
       a = static_cast<Algorithm>(static_cast<uint64_t>(a) + 1)) {
    count += ProductCount(a);
  }
  return count;
}

class MatmulChoice : public ::testing::Test {
 protected:
  ~MatmulChoice() override { cuda_emulator::SetProposals({}); }

  // What `rows` rows come to; the same values whatever their number.
  std::vector<Bf16> Run(Matmul& matmul, const MatmulShape& shape, int rows) {
    const auto size = [](int a, int b) { return static_cast<size_t>(a) * static_cast<size_t>(b); };
    const bool sums_rows = shape.kind == Kind::kWeightGradient;
    const int width = shape.kind == Kind::kForward ? shape.in : shape.out;
    const Device<Bf16> left(
        Rounded<Bf16>(Normals(1, size(sums_rows ? rows : shape.out, shape.in))));
    const Device<Bf16> right(Rounded<Bf16>(Normals(2, size(rows, width))));
    Device<Bf16> result(std::vector<Bf16>(size(std::max(rows, shape.out), 4 * shape.in)));
    matmul.Run("test", shape, rows, left, right, result);
    return result.Read();
  }

  Gpu gpu_{0};
  std::unique_ptr<Space> space_ = NewSpace(gpu_, {});
  Matmul matmul_{gpu_, *space_};
};

TEST_F(MatmulChoice, FewRowsAndManyGetTheFastestOfThoseThatGiveEqualBits) {
  const MatmulShape shape = ProductOf(Kind::kInputGradient, 64, 96);
  const auto many = Run(matmul_, shape, 512);
  for (const auto& [rows, expected] : {std::pair{1, Algorithm::kInBlocks},
                                       {16, Algorithm::kInBlocks},
                                       {17, Algorithm::kWideTile},
                                       {128, Algorithm::kWideTile},
                                       {600, Algorithm::kWideTile}}) {
    Run(matmul_, shape, rows);
    const int64_t before = ProductCount(expected), all = CountAll();
    const auto some = Run(matmul_, shape, rows);
    EXPECT_EQ(ProductCount(expected), before + 1) << rows;
    EXPECT_EQ(CountAll(), all + 1) << "chosen before";
    const auto count = static_cast<size_t>(std::min(rows, 512) * 96);
    EXPECT_TRUE(SameBits(Slice(some, 0, count), Slice(many, 0, count))) << rows;
  }
}

TEST_F(MatmulChoice, OurProductOfFewRowsIsUsedWhereItGivesTheLibrarysBits) {
  const MatmulShape shape = ProductOf(Kind::kForward, 64, 96);
  for (const bool is_equal : {true, false}) {
    if (!is_equal) cuda_emulator::SetProposals({Algorithm::kInOrder});
    Matmul matmul(gpu_, *space_);
    MatmulShape other = shape;
    other.in += is_equal ? 0 : 16;  // chosen once in a process
    const auto many = Run(matmul, other, 512);
    for (const int rows : {1, 8, 9, 16, 17}) {
      Run(matmul, other, rows);
      const int64_t before = CountAll();
      const auto some = Run(matmul, other, rows);
      EXPECT_EQ(CountAll() - before, is_equal && rows <= kMostFewRows ? 0 : 1) << rows;
      const auto count = static_cast<size_t>(rows * 64);
      EXPECT_TRUE(SameBits(Slice(some, 0, count), Slice(many, 0, count))) << rows;
    }
  }
}

TEST_F(MatmulChoice, IsMadeOnceInAProcess) {
  const MatmulShape shape = ProductOf(Kind::kInputGradient, 64, 32);
  Run(matmul_, shape, 3);
  int64_t before = CountAll();
  Matmul another(gpu_, *space_);
  Run(another, shape, 16);
  EXPECT_EQ(CountAll(), before + 1);
  Run(another, shape, 200);  // many rows are another choice, of the same bits
  EXPECT_GT(CountAll(), before + 2);
  before = CountAll();
  Run(matmul_, shape, 300);
  EXPECT_EQ(CountAll(), before + 1);
}

TEST_F(MatmulChoice, RefusesRowsThatDependOnTheirNumber) {
  cuda_emulator::SetProposals({Algorithm::kPartTile, Algorithm::kInOrder});
  for (const Kind kind : {Kind::kForward, Kind::kInputGradient}) {
    const int64_t before = ProductCount(Algorithm::kInOrder);
    Run(matmul_, ProductOf(kind, 80, 144), 512);  // a shape of no other test
    EXPECT_GT(ProductCount(Algorithm::kInOrder), before);
  }
  cuda_emulator::SetProposals({Algorithm::kPartTile, Algorithm::kAsTheyCome, Algorithm::kWideTile});
  const std::string refused = ErrorOf(
      [&] { Run(matmul_, ProductOf(Kind::kForward, 64, 160), 512); }, ErrorKind::kUnsupported);
  EXPECT_TRUE(Contains(refused, "y = x W^T with W 64 x 160 in bf16")) << refused;
  EXPECT_TRUE(Contains(refused, "of 3 that it proposes each gives a row other bits")) << refused;
}

TEST_F(MatmulChoice, LeavesOutWhatFailsThoughItWasSaidToWork) {
  cuda_emulator::SetProposals({Algorithm::kRefused, Algorithm::kInOrder});
  for (const Kind kind : {Kind::kForward, Kind::kWeightGradient}) {
    const int64_t before = ProductCount(Algorithm::kInOrder);
    Run(matmul_, ProductOf(kind, 112, 48), 100);  // a shape of no other test
    EXPECT_GT(ProductCount(Algorithm::kInOrder), before);
  }
}

// A sum over rows may depend on their number, not on the run.
TEST_F(MatmulChoice, AWeightsGradientIsChosenForItsNumberOfRows) {
  const MatmulShape shape = ProductOf(Kind::kWeightGradient, 64, 64);
  cuda_emulator::SetProposals({Algorithm::kAsTheyCome, Algorithm::kPartTile});
  const auto first = Run(matmul_, shape, 40);
  int64_t before = CountAll();
  EXPECT_TRUE(SameBits(Run(matmul_, shape, 40), first));
  Run(matmul_, shape, 64);
  EXPECT_EQ(CountAll(), before + 2);
  before = CountAll();
  Run(matmul_, shape, 65);
  EXPECT_GT(CountAll(), before + 1);
  cuda_emulator::SetProposals({Algorithm::kAsTheyCome});
  const std::string refused = ErrorOf([&] { Run(matmul_, shape, 5000); }, ErrorKind::kUnsupported);
  EXPECT_TRUE(Contains(refused, "dW = dy^T x")) << refused;
  EXPECT_TRUE(Contains(refused, "each gives other bits from run to run")) << refused;
}

// Orders of a sum differ in the bits of a small product, too, whose results are rounded to bf16.
TEST_F(MatmulChoice, ATrialTellsOrdersOfASumApart) {
  cublasLtHandle_t handle = nullptr;
  CheckBlas(cublasLtCreate(&handle), "test");
  for (const bool is_bf16 : {false, true}) {
    MatmulShape shape = ProductOf(Kind::kForward, 32, 64);
    shape.is_bf16 = is_bf16;
    cuda_emulator::SetProposals({Algorithm::kInOrder, Algorithm::kInBlocks, Algorithm::kWideTile});
    const auto proposals = MatmulProduct(handle, shape).Propose(kTrialRows);
    CudaMemory memory(*space_, "test");
    MatmulTrial trial(handle, shape, kTrialRows, memory, gpu_);
    EXPECT_TRUE(trial.Expect(proposals[1], kTrialRows));
    EXPECT_FALSE(trial.GivesExpected(proposals[0], kTrialRows));
    EXPECT_TRUE(trial.GivesExpected(proposals[1], 100));
    EXPECT_TRUE(trial.GivesExpected(proposals[2], 100));
    EXPECT_FALSE(trial.GivesExpected(proposals[2], 1)) << "it doesn't work for one row";
  }
  cublasLtDestroy(handle);
}

}  // namespace
}  // namespace agon::policy::cuda
