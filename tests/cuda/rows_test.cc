#include "policy/cuda/kernels.h"
#include "tests/cuda/device_arrays.h"

namespace agon::policy::cuda {
namespace {

template <typename T>
class RowsKernel : public KernelTest<T> {};
TYPED_TEST_SUITE(RowsKernel, ComputeTypes);

TYPED_TEST(RowsKernel, GatherCopies) {
  using T = TypeParam;
  constexpr int kRows = 40, kCount = 70;
  for (const int c : {4, 96, 1028}) {
    const auto width = static_cast<size_t>(c);
    const auto x = Rounded<T>(Normals(1, kRows * width));
    const auto rows = Indexes(2, kCount, kRows);
    Device<T> source(x), out(kCount * width);
    Device<int32_t> device_rows(rows);
    GatherRows<T>(source, device_rows, kCount, c, out, nullptr);
    const auto got = out.Read();
    for (size_t i = 0; i < kCount; ++i) {
      const auto row = static_cast<size_t>(rows[i]);
      EXPECT_TRUE(SameBits(Slice(got, i * width, width), Slice(x, row * width, width))) << i;
    }
  }
}

TYPED_TEST(RowsKernel, RoundIsToNearestEven) {
  using T = TypeParam;
  for (const size_t count : {1, 3, 4, 1023, 4096}) {
    const auto x = Normals(3, count);
    Device<float> source(x);
    Device<T> rounded(count);
    Round<T>(source, static_cast<int64_t>(count), rounded, nullptr);
    EXPECT_TRUE(SameBits(rounded.Read(), Rounded<T>(x))) << count;
  }
}

class RowSums : public KernelTest<float> {};

TEST_F(RowSums, EmbeddingLooksUp) {
  const auto table = Normals(4, 75 * 64);
  const auto tokens = Indexes(5, 33, 75);
  std::vector<float> expected(33 * 64);
  Reference()->Embedding(table.data(), tokens.data(), 33, 64, expected.data());
  Device<float> device_table(table), x(expected.size());
  Device<int32_t> device_tokens(tokens);
  Embedding(device_table, device_tokens, 33, 64, x, nullptr);
  EXPECT_TRUE(SameBits(x.Read(), expected));
}

// Sums run in the order of the rows on both, so they are equal bits.
void ExpectScatterAddEqualsTheCpu(const std::vector<int32_t>& rows, int num_targets, int c) {
  const auto count = static_cast<int>(rows.size());
  const auto d = Normals(6, static_cast<size_t>(count * c));
  auto expected = Normals(8, static_cast<size_t>(num_targets * c));
  Device<float> device_d(d), dx(expected);
  Device<int32_t> device_rows(rows), order(static_cast<size_t>(RowOrderInts(count)));
  Reference()->ScatterAddRows(d.data(), rows.data(), count, c, expected.data());
  ScatterAddRows(device_d, device_rows, count, c, dx, order, nullptr);
  EXPECT_TRUE(SameBits(dx.Read(), expected)) << count << " rows";
}

TEST_F(RowSums, ScatterAddEqualsTheCpu) {
  for (const auto& [count, vocabulary, c] :
       {std::tuple{1, 5, 32}, {700, 7, 96}, {300, 1000, 520}, {129, 1, 4}, {1300, 200000, 4}}) {
    ExpectScatterAddEqualsTheCpu(Indexes(7, static_cast<size_t>(count), vocabulary), vocabulary, c);
  }
}

// Rows of which nothing has to be sorted, and the other way about; runs that end with a group.
TEST_F(RowSums, ScatterAddEqualsTheCpuForRowsInOrder) {
  std::vector<int32_t> rising, repeated;
  for (int32_t i = 0; i < 600; ++i) rising.push_back(2 * i);
  for (int32_t i = 0; i < 600; ++i) repeated.push_back(i / 8);
  for (auto rows : {rising, repeated}) {
    ExpectScatterAddEqualsTheCpu(rows, 1200, 8);
    std::reverse(rows.begin(), rows.end());
    ExpectScatterAddEqualsTheCpu(rows, 1200, 8);
  }
}

TEST_F(RowSums, NoRowsAreNoWork) {
  Device<float> d(4), dx(std::vector<float>{1, 2, 3, 4});
  Device<int32_t> rows(1), order(1);
  ScatterAddRows(d, rows, 0, 4, dx, order, nullptr);
  EXPECT_EQ(dx.Read(), (std::vector<float>{1, 2, 3, 4}));
}

}  // namespace
}  // namespace agon::policy::cuda
