// Linear layers and the head through cuBLASLt, against the CPU backend and by rows.
#include <bit>

#include "policy/cuda/kernels.h"
#include "tests/cuda/backend_fixture.h"

namespace agon::policy::cuda {
namespace {

// One layer on both backends, with the CPU's operands rounded as the GPU's are.
template <typename T>
struct Layer {
  Layer(int rows_out, int columns, bool gated, uint64_t seed = 1, int64_t logit_bytes = kLogitBytes)
      : out(rows_out),
        in(columns),
        cpu(Reference()),
        gpu(std::make_unique<CudaBackend>(TinyConfig(), kCompute<T>, 0, Room{}, logit_bytes)) {
    const auto count = static_cast<size_t>(out) * static_cast<size_t>(in);
    weight = Normals(seed, count, 0.3);
    gain = Normals(seed + 1, static_cast<size_t>(in), 0.5);
    std::vector<float> folded(count);
    for (size_t i = 0; i < count; ++i) {
      folded[i] = Value(Rounded<T>(weight[i] * gain[i % static_cast<size_t>(in)]));
    }
    cpu_linear = cpu->NewLinear(out, in, gated);
    cpu->SetLinear(*cpu_linear, folded.data(), nullptr);
    gpu_linear = gpu->NewLinear(out, in, gated);
    Device<float> w(weight), g(gain);
    gpu->SetLinear(*gpu_linear, w, g);
    Expect(cudaDeviceSynchronize());
  }

  int out, in;
  std::vector<float> weight, gain;
  std::unique_ptr<Backend> cpu;
  std::unique_ptr<CudaBackend> gpu;
  std::unique_ptr<PackedLinear> cpu_linear, gpu_linear;
};

template <typename T>
class LinearLayer : public KernelTest<T> {};
TYPED_TEST_SUITE(LinearLayer, ComputeTypes);

constexpr int kLinearRows = 37;

// More of them than the arguments of one launch hold, with and without a gain and padding.
TYPED_TEST(LinearLayer, ManyMatricesArePackedAsEachAlone) {
  using T = TypeParam;
  constexpr int kMatrices = 100, kIn = 32, kMostOut = 96;
  CudaBackend gpu(TinyConfig(), kCompute<T>, 0);
  const Device<float> weight(Normals(1, Area(kMatrices + kMostOut, kIn))), gain(Normals(2, kIn));
  const Device<T> x(Rounded<T>(Normals(3, Area(2, kIn))));
  std::vector<std::unique_ptr<PackedLinear>> together, alone;
  std::vector<LinearWeight> all;
  const auto out_of = [](int i) { return 1 + i % kMostOut; };
  for (int i = 0; i < kMatrices; ++i) {
    together.push_back(gpu.NewLinear(out_of(i), kIn, false));
    alone.push_back(gpu.NewLinear(out_of(i), kIn, false));
    const float *of_this = static_cast<const float*>(weight) + i * kIn, *its_gain = gain;
    all.push_back({together.back().get(), of_this, i % 3 == 0 ? nullptr : its_gain});
    gpu.SetLinear(*alone.back(), of_this, all.back().input_gain);
  }
  gpu.SetLinears(all);
  for (int i = 0; i < kMatrices; ++i) {
    const auto product = [&](const PackedLinear& linear) {
      Device<T> y(Area(2, (out_of(i) + 31) / 32 * 32));
      gpu.Linear(linear, x, 2, y);
      return y.Read();
    };
    EXPECT_TRUE(SameBits(product(*together[static_cast<size_t>(i)]),
                         product(*alone[static_cast<size_t>(i)])))
        << i;
  }
}

TYPED_TEST(LinearLayer, ProductsFollowTheCpu) {
  using T = TypeParam;
  Layer<T> layer(96, 64, false);
  const auto x = Rounded<T>(Normals(3, Area(kLinearRows, layer.in)));
  std::vector<float> y(Area(kLinearRows, layer.out)),
      residual = Normals(4, Area(kLinearRows, layer.out));
  Device<T> device_x(x), device_y(y.size());
  Device<float> device_residual(residual);
  layer.cpu->Linear(*layer.cpu_linear, Values(x).data(), kLinearRows, y.data());
  layer.gpu->Linear(*layer.gpu_linear, device_x, kLinearRows, device_y);
  EXPECT_LE(Nmse(device_y.Read(), Rounded<T>(y)), kBound<T>);
  layer.cpu->LinearAdd(*layer.cpu_linear, Values(x).data(), kLinearRows, residual.data());
  layer.gpu->LinearAdd(*layer.gpu_linear, device_x, kLinearRows, device_residual);
  EXPECT_LE(Nmse(device_residual.Read(), residual), 1e-7);
}

TYPED_TEST(LinearLayer, GradientsFollowTheCpu) {
  using T = TypeParam;
  Layer<T> layer(96, 64, false);
  const auto x = Rounded<T>(Normals(3, Area(kLinearRows, layer.in)));
  const auto dy = Rounded<T>(Normals(5, Area(kLinearRows, layer.out)));
  std::vector<float> dx(x.size()), dw = Normals(6, Area(layer.out, layer.in));
  Device<T> device_x(x), device_dy(dy), rounded_dx(x.size());
  Device<float> device_dx(x.size()), device_dw(dw);
  layer.cpu->LinearInputGradient(*layer.cpu_linear, Values(dy).data(), kLinearRows, dx.data());
  layer.gpu->LinearInputGradient(*layer.gpu_linear, device_dy, kLinearRows, device_dx);
  layer.gpu->LinearInputGradientRounded(*layer.gpu_linear, device_dy, kLinearRows, rounded_dx);
  EXPECT_LE(Nmse(device_dx.Read(), dx), 1e-7);
  EXPECT_LE(Nmse(rounded_dx.Read(), Rounded<T>(dx)), kBound<T>);
  layer.cpu->LinearWeightGradient(*layer.cpu_linear, Values(dy).data(), Values(x).data(),
                                  kLinearRows, dw.data());
  layer.gpu->LinearWeightGradient(*layer.gpu_linear, device_dy, device_x, kLinearRows, device_dw);
  EXPECT_LE(Nmse(device_dw.Read(), dw), 1e-7);
}

TYPED_TEST(LinearLayer, SwiGluAndItsGradientFollowTheDefinition) {
  using T = TypeParam;
  constexpr int kF = 96;
  Layer<T> up(2 * kF, 64, true), down(64, kF, false, 9);
  const auto x = Rounded<T>(Normals(3, Area(kLinearRows, 64))),
             dy = Rounded<T>(Normals(4, x.size()));
  Device<T> device_x(x), device_dy(dy), gate_up(Area(kLinearRows, 2 * kF)),
      activation(Area(kLinearRows, kF));
  Device<T> dgate_up(Area(kLinearRows, 2 * kF));
  up.gpu->LinearSwiGlu(*up.gpu_linear, device_x, kLinearRows, gate_up, activation);
  Expect(cudaDeviceSynchronize());  // each layer has a backend, and so a stream, of its own
  down.gpu->LinearSwiGluGradient(*down.gpu_linear, device_dy, kLinearRows, gate_up, dgate_up);

  // In fp64 from the GPU's own gate and up.
  const auto gates = Values(gate_up.Read());
  std::vector<float> dact(Area(kLinearRows, kF)), expected, dexpected(Area(kLinearRows, 2 * kF));
  down.cpu->LinearInputGradient(*down.cpu_linear, Values(dy).data(), kLinearRows, dact.data());
  for (size_t i = 0; i < dact.size(); ++i) {
    const size_t at = i / kF * 2 * kF + i % kF;
    const double g = static_cast<double>(gates[at]), u = static_cast<double>(gates[at + kF]);
    const double s = 1.0 / (1.0 + std::exp(-g)), d = static_cast<double>(dact[i]);
    expected.push_back(static_cast<float>(g * s * u));
    dexpected[at] = static_cast<float>(d * u * s * (1.0 + g * (1.0 - s)));
    dexpected[at + kF] = static_cast<float>(d * g * s);
  }
  EXPECT_LE(Nmse(activation.Read(), Rounded<T>(expected)), kBound<T>);
  EXPECT_LE(Nmse(dgate_up.Read(), Rounded<T>(dexpected)), kBound<T>);
}

// Scores of one set of rows.
struct Scored {
  std::vector<float> logprobs, entropies, dhidden, dw;
};

template <typename T>
Scored ScoreOnGpu(Layer<T>& head, const std::vector<T>& hidden, const std::vector<int32_t>& targets,
                  const std::vector<float>& dlogprobs) {
  const size_t rows = targets.size();
  Device<T> x(hidden);
  Device<int32_t> t(targets);
  Device<float> d(dlogprobs), logprobs(rows), entropies(rows), dhidden(hidden.size());
  Device<float> dw(std::vector<float>(head.weight.size(), 0.0f));
  head.gpu->ScoreTokens(*head.gpu_linear, x, static_cast<int>(rows), t, 0.8f, logprobs, entropies,
                        d, dhidden, dw);
  return {logprobs.Read(), entropies.Read(), dhidden.Read(), dw.Read()};
}

TYPED_TEST(LinearLayer, TheHeadFollowsTheCpu) {
  using T = TypeParam;
  // A vocabulary that is padded.
  Layer<T> head(75, 64, false);
  const auto hidden = Rounded<T>(Normals(3, Area(kLinearRows, head.in)));
  const auto targets = Indexes(4, kLinearRows, head.out);
  const auto dlogprobs = Normals(5, kLinearRows);
  Scored expected{std::vector<float>(kLinearRows), std::vector<float>(kLinearRows),
                  std::vector<float>(hidden.size()), std::vector<float>(head.weight.size())};
  head.cpu->ScoreTokens(*head.cpu_linear, Values(hidden).data(), kLinearRows, targets.data(), 0.8f,
                        expected.logprobs.data(), expected.entropies.data(), dlogprobs.data(),
                        expected.dhidden.data(), expected.dw.data());
  const Scored got = ScoreOnGpu(head, hidden, targets, dlogprobs);
  EXPECT_LE(Nmse(got.logprobs, expected.logprobs), 1e-9);
  EXPECT_LE(Nmse(got.entropies, expected.entropies), 1e-9);
  EXPECT_LE(Nmse(got.dhidden, expected.dhidden), kBound<T>);
  EXPECT_LE(Nmse(got.dw, expected.dw), kBound<T>);
}

TYPED_TEST(LinearLayer, LogitsInChunksGiveWhatOneChunkGives) {
  using T = TypeParam;
  Layer<T> head(75, 64, false);
  const auto hidden = Rounded<T>(Normals(3, Area(kLinearRows, head.in)));
  const auto targets = Indexes(4, kLinearRows, head.out);
  const auto dlogprobs = Normals(5, kLinearRows);
  const Scored whole = ScoreOnGpu(head, hidden, targets, dlogprobs);
  Layer<T> chunked(75, 64, false, 1, /*logit_bytes=*/16 * 96 * 4);  // 16 rows
  const Scored parts = ScoreOnGpu(chunked, hidden, targets, dlogprobs);
  EXPECT_TRUE(SameBits(parts.logprobs, whole.logprobs));
  EXPECT_TRUE(SameBits(parts.entropies, whole.entropies));
  EXPECT_TRUE(SameBits(parts.dhidden, whole.dhidden));
  EXPECT_LE(Nmse(parts.dw, whole.dw), 1e-12);
}

TYPED_TEST(LinearLayer, SampledLogProbabilitiesAreTheScored) {
  using T = TypeParam;
  Layer<T> head(75, 64, false);
  const auto hidden = Rounded<T>(Normals(3, Area(kLinearRows, head.in)));
  std::vector<float> uniforms = Normals(4, kLinearRows);
  for (float& u : uniforms) u = std::fabs(u) - std::floor(std::fabs(u));
  Device<T> x(hidden);
  Device<float> u(uniforms), sampled(kLinearRows);
  Device<int32_t> tokens(kLinearRows);
  Sampling sampling;
  sampling.temperature = 0.8f;
  head.gpu->SampleTokens(*head.gpu_linear, x, kLinearRows, sampling, u, tokens, sampled);
  const Scored scored = ScoreOnGpu(head, hidden, tokens.Read(), Normals(5, kLinearRows));
  EXPECT_TRUE(SameBits(sampled.Read(), scored.logprobs));
}

TYPED_TEST(LinearLayer, TheMostLikelyTokensAreTheCpus) {
  using T = TypeParam;
  constexpr int kTop = 5;
  Layer<T> head(75, 64, false);
  auto hidden = Rounded<T>(Normals(3, Area(kLinearRows, head.in)));
  std::fill(hidden.begin(), hidden.begin() + head.in, Rounded<T>(0.0f));  // all tokens are equal
  std::vector<TokenLogprob> expected(kLinearRows * kTop);
  head.cpu->TopTokens(*head.cpu_linear, Values(hidden).data(), kLinearRows, 0.8f, kTop,
                      expected.data());
  Device<T> x(hidden);
  Device<TokenLogprob> top(expected.size());
  head.gpu->TopTokens(*head.gpu_linear, x, kLinearRows, 0.8f, kTop, top);
  const auto got = top.Read();
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(got[i].token, expected[i].token) << i;
    EXPECT_NEAR(got[i].logprob, expected[i].logprob, 1e-4) << i;
  }
}

TYPED_TEST(LinearLayer, MuonsMatrixOpsFollowTheCpu) {
  using T = TypeParam;
  const auto gpu = std::make_unique<CudaBackend>(TinyConfig(), kCompute<T>, 0);
  constexpr int kM = 45, kN = 70;
  const auto x = Normals(1, Area(kM, kN)), y = Normals(2, Area(kM, kN));
  std::vector<float> sum(x.size()), turned(x.size()), divided(x);
  const auto cpu = Reference();
  const auto count = static_cast<int64_t>(x.size());
  cpu->Combine(0.3f, x.data(), -1.7f, y.data(), count, sum.data());
  cpu->Transpose(x.data(), kM, kN, turned.data());
  cpu->Divide(divided.data(), count, 3.7);
  Device<float> device_x(x), device_y(y), device_turned(x.size());
  gpu->Combine(0.3f, device_x, -1.7f, device_y, count, device_y);
  gpu->Transpose(device_x, kM, kN, device_turned);
  gpu->Divide(device_x, count, 3.7);
  EXPECT_TRUE(SameBits(device_y.Read(), sum));
  EXPECT_TRUE(SameBits(device_turned.Read(), turned));
  EXPECT_TRUE(SameBits(device_x.Read(), divided));
}

}  // namespace
}  // namespace agon::policy::cuda
