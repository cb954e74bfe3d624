// Copies to shared memory that go on beside their thread: their bytes come when it waits, and what
// reads or writes there before is a fault.
#include <gtest/gtest.h>

#include <vector>

#include "policy/cuda/shared_rows.h"
#include "tests/cuda/device_arrays.h"
#include "tests/cuda_emulator/fault_of.h"

namespace agon::policy::cuda {
namespace {

constexpr int kCount = 64;

// Half of the elements are zeros; the others come from `from`, which changes before the wait.
__global__ void BytesComeAtTheWait(float* from, float* out) {
  const DynamicShared<float> values(0, kCount);
  const int i = static_cast<int>(threadIdx.x);
  CopyToShared(values, i, from + i, i % 2 == 0);
  from[i] += 100.0f;
  WaitForCopies();
  __syncthreads();
  out[i] = values[kCount - 1 - i];
}

TEST(SharedCopy, BytesComeAtTheWaitAndNotBefore) {
  std::vector<float> numbers, expected;
  for (int i = 0; i < kCount; ++i) numbers.push_back(static_cast<float>(i));
  for (int i = kCount - 1; i >= 0; --i) {
    expected.push_back(i % 2 == 0 ? static_cast<float>(i) + 100.0f : 0.0f);
  }
  Device<float> from(numbers), out(kCount);
  float *source = from, *target = out;
  Launch("test", Shape{1, kCount, kCount * 4}, nullptr, BytesComeAtTheWait, source, target);
  EXPECT_EQ(out.Read(), expected);
}

enum class Flaw { kNone, kNoWait, kNoBarrier, kTooEarly, kWritten };

// Two places, as kernels have them: the second one's elements are on their way while the first
// one's are read.
template <Flaw kFlaw>
__global__ void Walk(const float* from, float* out) {
  const DynamicShared<float> values(0, 2 * kCount);
  const int i = static_cast<int>(threadIdx.x);
  CopyToShared(values, i, from + i, true);
  for (int place = 0; place < 2; ++place) {
    if (kFlaw != Flaw::kNoWait || place == 0) WaitForCopies();
    if (kFlaw != Flaw::kNoBarrier) __syncthreads();
    if (place == 0) CopyToShared(values, kCount + i, from + i, true);
    if (kFlaw == Flaw::kWritten && place == 0) values[kCount + i] = 0.0f;
    out[i] = values[kFlaw == Flaw::kTooEarly ? kCount + i : place * kCount + kCount - 1 - i];
  }
}

template <Flaw kFlaw>
std::string FaultOfWalk() {
  Device<float> from(std::vector<float>(kCount, 1.0f)), out(kCount);
  const float* source = from;
  float* target = out;
  return FaultOf(Shape{1, kCount, 2 * kCount * 4}, Walk<kFlaw>, source, target);
}

TEST(SharedCopy, AMissingWaitOrBarrierIsSeen) {
  EXPECT_EQ(FaultOfWalk<Flaw::kNone>(), "");
  const auto expect = [](const std::string& fault, const char* part) {
    EXPECT_NE(fault.find(part), std::string::npos) << "got: " << fault;
  };
  expect(FaultOfWalk<Flaw::kNoWait>(), "is on its way to");
  expect(FaultOfWalk<Flaw::kTooEarly>(), "is on its way to");
  expect(FaultOfWalk<Flaw::kWritten>(), "writes DynamicShared element");
  EXPECT_NE(FaultOfWalk<Flaw::kNoBarrier>(), "");
}

// Three groups, of which the second has no copy; kPending is how many of the last may be under way.
template <int kPending>
__global__ void Groups(const float* from, float* out) {
  const DynamicShared<float> values(0, 2 * kCount);
  const int i = static_cast<int>(threadIdx.x);
  CopyToShared(values, i, from + i, true);
  CommitCopies();
  CommitCopies();
  CopyToShared(values, kCount + i, from + i, true);
  CommitCopies();
  WaitForCopies<kPending>();
  out[i] = values[i];
  if (kPending == 0) out[i] += values[kCount + i];
  WaitForCopies();
}

template <int kPending>
std::string FaultOfGroups() {
  Device<float> from(std::vector<float>(kCount, 1.0f)), out(kCount);
  const float* source = from;
  float* target = out;
  return FaultOf(Shape{1, kCount, 2 * kCount * 4}, Groups<kPending>, source, target);
}

TEST(SharedCopy, AGroupIsThereOnceItIsNoneOfThoseThatMayBeUnderWay) {
  EXPECT_EQ(FaultOfGroups<0>(), "");
  EXPECT_EQ(FaultOfGroups<2>(), "");
  EXPECT_NE(FaultOfGroups<3>().find("is on its way to"), std::string::npos);
}

// What attention would do if its rows weren't waited for: the elements are as they were before, so
// a result could look right.
__global__ void RowsWithoutWait(const Bf16* from) {
  const SharedRows<16, 32> rows(0);
  const auto row_at = [&](int row) { return from + row * 32; };
  rows.Load(row_at, 16, static_cast<int>(threadIdx.x), kWarp);
  WaitForCopies();
  __syncwarp();
  rows.Left(0, 0);
  __syncwarp();
  rows.Load(row_at, 16, static_cast<int>(threadIdx.x), kWarp);
  __syncwarp();
  rows.Left(0, 0);
}

TEST(SharedCopy, RowsThatNobodyWaitedForAreSeenThoughTheyWereThereBefore) {
  Device<Bf16> from(std::vector<Bf16>(16 * 32));
  const Bf16* source = from;
  const std::string fault = FaultOf(Shape{1, kWarp, 4096}, RowsWithoutWait, source);
  EXPECT_NE(fault.find("reads DynamicShared element"), std::string::npos) << fault;
  EXPECT_NE(fault.find("is on its way to"), std::string::npos) << fault;
}

}  // namespace
}  // namespace agon::policy::cuda
