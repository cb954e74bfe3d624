// Products of few rows by our own kernel.
#include "policy/cuda/kernels.h"
#include "tests/cuda/device_arrays.h"

namespace agon::policy::cuda {
namespace {

class FewRowsKernelTest : public KernelTest<Bf16> {};

struct Sizes {
  int out, in;
};
// A part of a stage, some stages, more than are on their way at once.
constexpr Sizes kSizes[] = {{16, 16}, {48, 272}, {32, 1504}};
constexpr int kStride = 52;

// What `rows` rows come to in fp32, added to `before`.
std::vector<float> Sums(const Sizes& s, int rows, bool adds, const std::vector<float>& before) {
  const Device<Bf16> w(Rounded<Bf16>(Normals(1, Area(s.out, s.in))));
  const Device<Bf16> x(Rounded<Bf16>(Normals(2, Area(rows, s.in))));
  Device<float> y(before);
  FewRows<float>("test", w, s.out, s.in, x, rows, adds, y, kStride, nullptr);
  return y.Read();
}

TEST_F(FewRowsKernelTest, FollowFp64) {
  for (const Sizes& s : kSizes) {
    const auto w = Values(Rounded<Bf16>(Normals(1, Area(s.out, s.in))));
    const auto before = Normals(3, Area(kMostFewRows, kStride));
    for (const int rows : {1, 3, 8, 9, 16}) {
      const auto x = Values(Rounded<Bf16>(Normals(2, Area(rows, s.in))));
      for (const bool adds : {false, true}) {
        const auto got = Sums(s, rows, adds, before);
        std::vector<float> expected = before;  // nothing else is written
        for (int r = 0; r < rows; ++r) {
          for (int o = 0; o < s.out; ++o) {
            const size_t at = Area(r, kStride) + static_cast<size_t>(o);
            double sum = adds ? static_cast<double>(before[at]) : 0.0;
            for (int i = 0; i < s.in; ++i) {
              sum += static_cast<double>(w[Area(o, s.in) + static_cast<size_t>(i)]) *
                     static_cast<double>(x[Area(r, s.in) + static_cast<size_t>(i)]);
            }
            expected[at] = static_cast<float>(sum);
          }
        }
        EXPECT_LE(Nmse(got, expected), 1e-12) << rows << " rows of " << s.in;
        for (size_t at = 0; at < before.size(); ++at) {
          const size_t row = at / kStride, out = at % kStride;
          if (row < static_cast<size_t>(rows) && out < static_cast<size_t>(s.out)) continue;
          ASSERT_EQ(got[at], before[at]) << "written beyond the result";
        }
      }
    }
  }
}

TEST_F(FewRowsKernelTest, ARowAloneHasTheSameBits) {
  for (const Sizes& s : kSizes) {
    const std::vector<float> zeros(Area(kMostFewRows, kStride));
    const auto all = Sums(s, kMostFewRows, false, zeros);
    for (int rows = 1; rows < kMostFewRows; ++rows) {
      const auto some = Sums(s, rows, false, zeros);
      const auto row = static_cast<size_t>(rows - 1) * kStride;
      EXPECT_TRUE(SameBits(Slice(some, row, kStride), Slice(all, row, kStride))) << rows;
    }
  }
}

TEST_F(FewRowsKernelTest, ResultsInBf16AreTheSumsRounded) {
  const Sizes s = kSizes[1];
  const std::vector<float> zeros(Area(kMostFewRows, kStride));
  const auto sums = Sums(s, 5, false, zeros);
  const Device<Bf16> w(Rounded<Bf16>(Normals(1, Area(s.out, s.in))));
  const Device<Bf16> x(Rounded<Bf16>(Normals(2, Area(5, s.in))));
  Device<Bf16> y(Rounded<Bf16>(zeros));
  FewRows<Bf16>("test", w, s.out, s.in, x, 5, false, y, kStride, nullptr);
  EXPECT_TRUE(SameBits(y.Read(), Rounded<Bf16>(sums)));
}

}  // namespace
}  // namespace agon::policy::cuda
