#include "policy/cuda/kernels.h"
#include "tests/cuda/device_arrays.h"

namespace agon::policy::cuda {
namespace {

class OptimizerKernel : public KernelTest<float> {};

TEST_F(OptimizerKernel, UnfoldGainFollowsTheCpu) {
  for (const bool add : {false, true}) {
    for (const auto& [rows, c] : {std::pair{1, 32}, {300, 96}, {129, 320}}) {
      const auto count = static_cast<size_t>(rows * c), width = static_cast<size_t>(c);
      const auto folded = Normals(1, count), weight = Normals(2, count), gain = Normals(3, width);
      auto dw_expected = Normals(4, count), dgain_expected = Normals(5, width);
      Device<float> f(folded), w(weight), g(gain), dw(dw_expected), dgain(dgain_expected);
      Device<float> partials(static_cast<size_t>(UnfoldGainPartials(rows, c)));
      Reference()->UnfoldGain(folded.data(), weight.data(), gain.data(), rows, c, add,
                              dw_expected.data(), dgain_expected.data());
      UnfoldGain(f, w, g, rows, c, add, dw, dgain, partials, nullptr);
      EXPECT_LE(Nmse(dw.Read(), dw_expected), 1e-12);
      EXPECT_LE(Nmse(dgain.Read(), dgain_expected), 1e-7);
    }
  }
}

TEST_F(OptimizerKernel, UnfoldGainInPlace) {
  constexpr int kRows = 150, kC = 64;
  const auto folded = Normals(6, kRows * kC), weight = Normals(7, kRows * kC);
  const auto gain = Normals(8, kC);
  Device<float> f(folded), in_place(folded), w(weight), g(gain), dw(folded.size());
  const std::vector<float> zeros(kC);
  Device<float> a(zeros), b(zeros);
  Device<float> partials(static_cast<size_t>(UnfoldGainPartials(kRows, kC)));
  UnfoldGain(f, w, g, kRows, kC, false, dw, a, partials, nullptr);
  UnfoldGain(in_place, w, g, kRows, kC, false, in_place, b, partials, nullptr);
  EXPECT_TRUE(SameBits(in_place.Read(), dw.Read()));
  EXPECT_TRUE(SameBits(a.Read(), b.Read()));
}

TEST_F(OptimizerKernel, SumsOfSquaresFollowTheCpu) {
  for (const size_t count : {1, 255, 16384, 16385, 100000}) {
    const auto x = Normals(9, count);
    const auto size = static_cast<int64_t>(count);
    Device<float> device(x);
    std::vector<double> expected((count + kSquaresPerSum - 1) / kSquaresPerSum);
    Device<double> sums(expected.size());
    SumsOfSquares(device, size, sums, nullptr);
    Reference()->SumsOfSquares(x.data(), size, expected.data());
    const auto got = sums.Read();
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_NEAR(got[i], expected[i], 1e-12 * expected[i]) << count << " " << i;
    }
  }
}

TEST_F(OptimizerKernel, AdamWFollowsTheCpuForFiveSteps) {
  for (const size_t count : {3, 1000, 4102}) {
    auto w = Normals(10, count), m = std::vector<float>(count), v = std::vector<float>(count);
    Device<float> device_w(w), device_m(m), device_v(v);
    const auto cpu = Reference();
    for (int step = 1; step <= 5; ++step) {
      auto g = Normals(20 + static_cast<uint64_t>(step), count);
      Device<float> device_g(g);
      const Backend::AdamW args{1e-2f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.5f, step};
      cpu->StepAdamW(w.data(), g.data(), m.data(), v.data(), static_cast<int64_t>(count), args);
      const AdamWStep device_step{
          1e-2f,
          0.9f,
          0.95f,
          1e-8f,
          0.1f,
          0.5f,
          static_cast<float>(1.0 - std::pow(static_cast<double>(0.9f), step)),
          static_cast<float>(1.0 - std::pow(static_cast<double>(0.95f), step))};
      StepAdamW(device_w, device_g, device_m, device_v, static_cast<int64_t>(count), device_step,
                nullptr);
      EXPECT_TRUE(SameBits(device_g.Read(), std::vector<float>(count)));
    }
    EXPECT_LE(Nmse(device_w.Read(), w), 1e-12) << count;
    EXPECT_LE(Nmse(device_m.Read(), m), 1e-12) << count;
    EXPECT_LE(Nmse(device_v.Read(), v), 1e-12) << count;
  }
}

}  // namespace
}  // namespace agon::policy::cuda
