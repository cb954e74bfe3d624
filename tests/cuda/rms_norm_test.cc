#include "policy/cuda/kernels.h"
#include "tests/cuda/device_arrays.h"

namespace agon::policy::cuda {
namespace {

template <typename T>
class RmsNormKernel : public KernelTest<T> {};
TYPED_TEST_SUITE(RmsNormKernel, ComputeTypes);

constexpr float kEpsilon = 1e-6f;

template <typename T>
struct Norm {
  std::vector<T> xhat;
  std::vector<float> rstd;
};

template <typename T>
Norm<T> Run(const std::vector<float>& x, int c) {
  const auto rows = static_cast<int>(x.size()) / c;
  Device<float> input(x), rstd(static_cast<size_t>(rows));
  Device<T> xhat(x.size());
  RmsNorm<T>(input, rows, c, kEpsilon, xhat, rstd, nullptr);
  return {xhat.Read(), rstd.Read()};
}

TYPED_TEST(RmsNormKernel, FollowsTheCpu) {
  using T = TypeParam;
  for (const int c : {32, 96, 448, 2048}) {
    constexpr int kRows = 5;
    const auto x = Normals(1, static_cast<size_t>(kRows * c), 3.0);
    std::vector<float> xhat(x.size()), rstd(kRows);
    Reference()->RmsNorm(x.data(), kRows, c, kEpsilon, xhat.data(), rstd.data());
    const auto got = Run<T>(x, c);
    EXPECT_LE(Nmse(got.xhat, Rounded<T>(xhat)), kBound<T>) << c;
    EXPECT_LE(Nmse(got.rstd, rstd), 1e-7) << c;
  }
}

TYPED_TEST(RmsNormKernel, ARowAloneHasTheSameBits) {
  using T = TypeParam;
  constexpr int kRows = 512, kC = 96;
  const auto x = Normals(2, size_t{kRows} * kC);
  const auto all = Run<T>(x, kC);
  for (const size_t row : {0, 1, 300, 511}) {
    const auto alone = Run<T>(Slice(x, row * kC, kC), kC);
    EXPECT_TRUE(SameBits(alone.xhat, Slice(all.xhat, row * kC, kC))) << row;
    EXPECT_TRUE(SameBits(alone.rstd, Slice(all.rstd, row, 1))) << row;
  }
}

TYPED_TEST(RmsNormKernel, GradientFollowsTheCpu) {
  using T = TypeParam;
  for (const int c : {32, 448, 2048}) {
    constexpr int kRows = 6;
    const auto count = static_cast<size_t>(kRows * c);
    const auto x = Normals(5, count), dxhat = Normals(6, count), dx = Normals(7, count);
    const auto forward = Run<T>(x, c);
    std::vector<float> expected(dx), rounded(count);
    Reference()->RmsNormGradient(dxhat.data(), Values(forward.xhat).data(), forward.rstd.data(),
                                 kRows, c, expected.data(), rounded.data());
    Device<float> d(dxhat), r(forward.rstd), out(dx);
    Device<T> xhat(forward.xhat), out_rounded(count);
    RmsNormGradient<T>(d, xhat, r, kRows, c, out, out_rounded, nullptr);
    EXPECT_LE(Nmse(out.Read(), expected), 1e-7) << c;
    EXPECT_TRUE(SameBits(out_rounded.Read(), Rounded<T>(out.Read()))) << c;
  }
}

}  // namespace
}  // namespace agon::policy::cuda
