// Products on tensor cores: the layout of their fragments, against plain loops over small whole
// numbers, whose sums are exact in any order; and what lanes may not do.
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "policy/cuda/kernels.h"
#include "policy/cuda/launch.h"
#include "policy/cuda/shared_rows.h"
#include "tests/cuda/device_arrays.h"
#include "tests/cuda_emulator/fault_of.h"

namespace agon::policy::cuda {
namespace {

constexpr int kLeftRows = 16, kSummed = 32, kRightColumns = 16;

// Whole numbers from -100 to 100.
std::vector<float> Numbers(uint64_t seed, int count) {
  std::vector<float> x;
  for (const int32_t i : Indexes(seed, static_cast<size_t>(count), 201)) {
    x.push_back(static_cast<float>(i - 100));
  }
  return x;
}

// left (16, 32) times right (32, 16).
std::vector<float> PlainProduct(const std::vector<float>& left, const std::vector<float>& right) {
  std::vector<float> product(kLeftRows * kRightColumns, 0.0f);
  for (size_t row = 0; row < kLeftRows; ++row) {
    for (size_t n = 0; n < kRightColumns; ++n) {
      for (size_t k = 0; k < kSummed; ++k) {
        product[row * kRightColumns + n] += left[row * kSummed + k] * right[k * kRightColumns + n];
      }
    }
  }
  return product;
}

std::vector<float> Transposed(const std::vector<float>& x, size_t rows, size_t columns) {
  std::vector<float> transposed(x.size());
  for (size_t i = 0; i < x.size(); ++i) transposed[i % columns * rows + i / columns] = x[i];
  return transposed;
}

__device__ void StoreSum(const SumMatrix& sum, int column, float* out) {
  for (int i = 0; i < 4; ++i) {
    const int row = FragmentRow() + i / 2 * 8;
    out[row * kRightColumns + column + FragmentColumn() + i % 2] = sum.x[i];
  }
}

// With the right factor given as its columns, (16, 32), by TimesRows; the left one from registers.
__global__ void TimesRowsKernel(const Bf16* left, const Bf16* columns, float* out) {
  const SharedRows<kRightColumns, kSummed> right(0);
  right.Load([&](int n) { return columns + n * kSummed; }, kRightColumns,
             static_cast<int>(threadIdx.x), kWarp);
  WaitForCopies();
  __syncwarp();
  LeftMatrix factor[kSummed / kMatrix];
  LoadLeft<kSummed>(left + FragmentRow() * kSummed, left + (FragmentRow() + 8) * kSummed, factor);
  SumMatrix products[2];
  TimesRows([&](int k) { return factor[k]; }, right, products);
  for (int n = 0; n < 2; ++n) StoreSum(products[n], n * kColumns, out);
}

// With the right factor given as its rows, (32, 16 of 32), by AddColumns; the left one from shared
// memory.
__global__ void AddColumnsKernel(const Bf16* left, const Bf16* rows, float* out) {
  using Left = SharedRows<kLeftRows, kSummed>;
  const Left shared_left(0);
  const SharedRows<kSummed, 32> right(Left::kBytes);
  const int thread = static_cast<int>(threadIdx.x);
  shared_left.Load([&](int row) { return left + row * kSummed; }, kLeftRows, thread, kWarp);
  right.Load([&](int row) { return rows + row * 32; }, kSummed, thread, kWarp);
  WaitForCopies();
  __syncwarp();
  const LeftMatrix factor[2] = {shared_left.Left(0, 0), shared_left.Left(0, kMatrix)};
  SumMatrix sums[2];
  for (SumMatrix& sum : sums) sum = {{1.0f, 1.0f, 1.0f, 1.0f}};
  AddColumns(factor, right, 0, sums[0], sums[1]);
  for (int n = 0; n < 2; ++n) StoreSum(sums[n], n * kColumns, out);
}

// What `kernel` makes of the factors.
std::vector<float> Product(void (*kernel)(const Bf16*, const Bf16*, float*), size_t shared_bytes,
                           const std::vector<float>& left, const std::vector<float>& right) {
  const Device<Bf16> device_left(Rounded<Bf16>(left)), device_right(Rounded<Bf16>(right));
  Device<float> out(kLeftRows * kRightColumns);
  const Bf16 *l = device_left, *r = device_right;
  float* o = out;
  Launch("test", Shape{1, kWarp, shared_bytes}, nullptr, kernel, l, r, o);
  return out.Read();
}

TEST(TensorCore, ProductsAreThoseOfPlainLoops) {
  const auto left = Numbers(1, kLeftRows * kSummed), right = Numbers(2, kSummed * kRightColumns);
  auto expected = PlainProduct(left, right);
  constexpr size_t kBytes = SharedRows<kRightColumns, kSummed>::kBytes;
  EXPECT_EQ(Product(TimesRowsKernel, kBytes, left, Transposed(right, kSummed, kRightColumns)),
            expected);

  std::vector<float> wide(kSummed * 32, 3.0f);
  for (size_t i = 0; i < right.size(); ++i) {
    wide[i / kRightColumns * 32 + i % kRightColumns] = right[i];
  }
  constexpr size_t kBothBytes =
      SharedRows<kLeftRows, kSummed>::kBytes + SharedRows<kSummed, 32>::kBytes;
  for (float& x : expected) x += 1.0f;
  EXPECT_EQ(Product(AddColumnsKernel, kBothBytes, left, wide), expected);
}

// Two sums become a left factor whose product with the identity is their rounded values. The left
// factor's rows from 8 on are zeros.
__global__ void RoundKernel(const Bf16* left, const Bf16* columns, float* out) {
  const SharedRows<kRightColumns, kSummed> right(0);
  right.Load([&](int n) { return columns + n * kSummed; }, kRightColumns,
             static_cast<int>(threadIdx.x), kWarp);
  WaitForCopies();
  __syncwarp();
  LeftMatrix factor[kSummed / kMatrix];
  LoadLeft<kSummed>(left + FragmentRow() * kSummed, nullptr, factor);
  SumMatrix products[2], again[2] = {};
  TimesRows([&](int k) { return factor[k]; }, right, products);
  const LeftMatrix rounded = RoundedToLeft(products[0], products[1]);
  for (int n = 0; n < 2; ++n) {
    // Column g of the identity's columns 8 n to 8 n + 7, pairs of rows from FragmentColumn() on.
    RightMatrix identity{};
    const int row = FragmentRow() - FragmentColumn();
    if (row == 0 || row == 1)
      identity.x[n] = PackBf16(row == 0 ? 1.0f : 0.0f, row == 1 ? 1.0f : 0.0f);
    MultiplyAdd(rounded.x, identity.x, again[n].x);
    StoreSum(again[n], n * kColumns, out);
  }
}

TEST(TensorCore, ASumIsRoundedToAFactor) {
  const auto left = Numbers(3, kLeftRows * kSummed), right = Numbers(4, kSummed * kRightColumns);
  auto expected = PlainProduct(left, right);
  for (size_t i = 0; i < expected.size(); ++i) {
    expected[i] = i < expected.size() / 2 ? Value(Rounded<Bf16>(expected[i])) : 0.0f;
  }
  constexpr size_t kBytes = SharedRows<kRightColumns, kSummed>::kBytes;
  EXPECT_EQ(Product(RoundKernel, kBytes, left, Transposed(right, kSummed, kRightColumns)),
            expected);
}

std::string FaultOf(void (*kernel)(), unsigned threads = kWarp) {
  return FaultOf(Shape{1, threads, 4096}, kernel);
}

__global__ void Multiply() {
  const LeftMatrix left{};
  const RightMatrix right{};
  SumMatrix sum{};
  MultiplyAdd(left.x, right.x, sum.x);
}

__global__ void HalfAWarpMultiplies() {
  if (threadIdx.x < 16) Multiply();
  __syncthreads();
}

__global__ void OneLaneHasEnded() {
  if (threadIdx.x != 7) Multiply();
}

__device__ const Bf16* Nowhere(int) { return nullptr; }

template <bool kFill>
__global__ void LoadRight() {
  const SharedRows<16, 32> rows(0);
  if (kFill) rows.Load(Nowhere, 0, static_cast<int>(threadIdx.x), kWarp);
  WaitForCopies();
  __syncwarp();
  RightMatrix right[2];
  rows.Right(0, 0, right);
}

__global__ void LanesLoadFromTwoLines() {
  const SharedRows<16, 32> rows(0);
  rows.Load(Nowhere, 0, static_cast<int>(threadIdx.x), kWarp);
  WaitForCopies();
  __syncwarp();
  RightMatrix right[2];
  if (threadIdx.x % 2 == 0) {
    rows.Right(0, 0, right);
  } else {
    rows.RightOfRows(0, 0, right);
  }
}

__global__ void LoadFromBetween() {
  const DynamicShared<Bf16> values(0, 2048);
  uint32_t x[4];
  LoadMatrices<false>(values, static_cast<int>(threadIdx.x) * 8 + 4, x);
}

__global__ void LoadWhatAnotherWarpWrites() {
  const SharedRows<16, 32> rows(0);
  if (threadIdx.x < kWarp) {
    rows.Load(Nowhere, 0, static_cast<int>(threadIdx.x), kWarp);
    WaitForCopies();
  } else {
    rows.Left(0, 0);
  }
}

TEST(TensorCore, AllLanesOfAWarpTakePart) {
  EXPECT_EQ(FaultOf(Multiply), "");
  EXPECT_EQ(FaultOf(Multiply, 2 * kWarp), "");
  EXPECT_FAULT("divergent warp operation", HalfAWarpMultiplies);
  EXPECT_FAULT("thread (7,0,0) takes no part in what all lanes", OneLaneHasEnded);
  EXPECT_FAULT("takes no part in what all lanes", Multiply, 16);
  EXPECT_FAULT("divergent warp operation", LanesLoadFromTwoLines);
}

TEST(TensorCore, LoadsAreCheckedAsSharedMemoryIs) {
  EXPECT_EQ(FaultOf(LoadRight<true>), "");
  EXPECT_FAULT("reads uninitialised shared memory", LoadRight<false>);
  EXPECT_FAULT("16 bytes at once at an address that is 8 past", LoadFromBetween);
  EXPECT_NE(FaultOf(LoadWhatAnotherWarpWrites, 2 * kWarp), "");
}

}  // namespace
}  // namespace agon::policy::cuda
