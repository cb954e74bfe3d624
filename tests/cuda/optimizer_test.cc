#include "policy/cuda/kernels.h"
#include "tests/cuda/device_arrays.h"

namespace agon::policy::cuda {
namespace {

class OptimizerKernel : public KernelTest<float> {};

// What one matrix and its gain are given, on the device and on the host.
struct Matrix {
  Matrix(uint64_t seed, int num_rows, int c, bool adds_to)
      : rows(num_rows),
        adds(adds_to),
        folded(Normals(seed, static_cast<size_t>(num_rows * c))),
        weight(Normals(seed + 1, folded.size())),
        gain(Normals(seed + 2, static_cast<size_t>(c))),
        dweight(Normals(seed + 3, folded.size())),
        dgain(Normals(seed + 4, gain.size())),
        f(folded),
        w(weight),
        g(gain),
        dw(dweight),
        dg(dgain) {}

  FoldedGain OnHost() {
    return {folded.data(), weight.data(), gain.data(), rows, adds, dweight.data(), dgain.data()};
  }
  FoldedGain OnDevice() { return {f, w, g, rows, adds, dw, dg}; }

  int rows;
  bool adds;
  std::vector<float> folded, weight, gain, dweight, dgain;
  Device<float> f, w, g, dw, dg;
};

void Unfold(const std::vector<FoldedGain>& gains, int c) {
  int64_t floats = 0;
  for (const FoldedGain& gain : gains) floats += UnfoldGainPartials(gain.rows, c);
  Device<float> partials(static_cast<size_t>(floats));
  UnfoldGains(gains, c, partials, nullptr);
  Expect(cudaDeviceSynchronize());
}

TEST_F(OptimizerKernel, UnfoldGainsFollowTheCpu) {
  for (const int c : {32, 96, 320}) {
    Matrix one(1, 1, c, false), tall(11, 300, c, true), cut(21, 129, c, false);
    Unfold({one.OnDevice(), tall.OnDevice(), cut.OnDevice()}, c);
    for (Matrix* matrix : {&one, &tall, &cut}) {
      const FoldedGain on_host = matrix->OnHost();
      Reference()->UnfoldGains({&on_host, 1}, c);
      EXPECT_LE(Nmse(matrix->dw.Read(), matrix->dweight), 1e-12);
      EXPECT_LE(Nmse(matrix->dg.Read(), matrix->dgain), 1e-7);
    }
  }
}

TEST_F(OptimizerKernel, UnfoldGainsInPlaceAndAloneHaveTheSameBits) {
  constexpr int kC = 64;
  std::vector<std::unique_ptr<Matrix>> together, alone;
  std::vector<FoldedGain> gains;
  // More than the arguments of one launch hold.
  for (int i = 0; i < 70; ++i) {
    const auto seed = static_cast<uint64_t>(5 * i);
    together.push_back(std::make_unique<Matrix>(seed, 1 + i * 2, kC, false));
    alone.push_back(std::make_unique<Matrix>(seed, 1 + i * 2, kC, false));
    gains.push_back(together.back()->OnDevice());
    gains.back().folded = gains.back().dweight;
    Expect(cudaMemcpy(together.back()->dw, together.back()->f,
                      together.back()->folded.size() * sizeof(float), cudaMemcpyDeviceToDevice));
  }
  Unfold(gains, kC);
  for (size_t i = 0; i < alone.size(); i += 9) {
    Unfold({alone[i]->OnDevice()}, kC);
    EXPECT_TRUE(SameBits(together[i]->dw.Read(), alone[i]->dw.Read())) << i;
    EXPECT_TRUE(SameBits(together[i]->dg.Read(), alone[i]->dg.Read())) << i;
  }
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

// Ranges with and without decay, side by side and apart, more than one launch takes; what is in
// none of them stays as it is.
TEST_F(OptimizerKernel, AdamWFollowsTheCpuForFiveSteps) {
  std::vector<Backend::AdamWRange> ranges = {{0, 1000, 0.1f}, {1000, 32, 0.0f}, {1060, 4102, 0.1f}};
  for (int64_t i = 0; i < 300; ++i) ranges.push_back({5200 + 8 * i, 3, i % 2 == 0 ? 0.1f : 0.0f});
  constexpr size_t kCount = 7700;
  const auto start = Normals(10, kCount);
  auto w = start, m = std::vector<float>(kCount), v = std::vector<float>(kCount);
  Device<float> device_w(w), device_m(m), device_v(v);
  const auto cpu = Reference();
  for (int step = 1; step <= 5; ++step) {
    auto g = Normals(20 + static_cast<uint64_t>(step), kCount);
    Device<float> device_g(g);
    const Backend::AdamW args{1e-2f, 0.9f, 0.95f, 1e-8f, 0.5f, step};
    cpu->StepAdamW(w.data(), g.data(), m.data(), v.data(), ranges, args);
    StepAdamW(device_w, device_g, device_m, device_v, ranges, args, nullptr);
    EXPECT_TRUE(SameBits(device_g.Read(), g)) << "zeros where it stepped";
  }
  const auto got = device_w.Read();
  EXPECT_LE(Nmse(got, w), 1e-12);
  EXPECT_LE(Nmse(device_m.Read(), m), 1e-12);
  EXPECT_LE(Nmse(device_v.Read(), v), 1e-12);
  for (const size_t outside : {1032, 1059, 5162, 5203, 7699}) {
    EXPECT_EQ(got[outside], start[outside]) << outside;
  }
  for (const auto& range : ranges) {
    const auto first = static_cast<size_t>(range.begin);
    EXPECT_NE(got[first], start[first]) << first;
  }
}

TEST_F(OptimizerKernel, AdamWOfARangeAloneHasTheSameBits) {
  constexpr size_t kCount = 5000;
  const std::vector<Backend::AdamWRange> together = {
      {0, 1024, 0.1f}, {1024, 96, 0.0f}, {1120, 3880, 0.1f}};
  const auto run = [&](std::span<const Backend::AdamWRange> ranges, bool at_once) {
    Device<float> w(Normals(1, kCount)), g(Normals(2, kCount)), m(Normals(3, kCount));
    Device<float> v(std::vector<float>(kCount, 0.5f));
    const Backend::AdamW args{1e-2f, 0.9f, 0.95f, 1e-8f, 0.5f, 7};
    if (at_once) {
      StepAdamW(w, g, m, v, ranges, args, nullptr);
    } else {
      for (const auto& range : ranges) StepAdamW(w, g, m, v, {&range, 1}, args, nullptr);
    }
    return std::vector{w.Read(), m.Read(), v.Read()};
  };
  const auto one = run(together, true), each = run(together, false);
  for (size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(SameBits(one[i], each[i])) << i;
}

}  // namespace
}  // namespace agon::policy::cuda
