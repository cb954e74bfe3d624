// The kernels of every instruction set give the same numbers.
#include <gtest/gtest.h>

#include <cmath>

#include "policy/cpu/cpu_backend.h"
#include "tests/contains.h"
#include "tests/error_of.h"
#include "tests/policy/tiny_policy.h"

namespace agon::policy {
namespace {

std::vector<float> RandomFloats(Rng& rng, size_t count) {
  std::vector<float> values(count);
  for (float& v : values) v = static_cast<float>(rng.Normal());
  return values;
}

// Results of each op of a small problem, one after another.
std::vector<float> RunOps(const cpu::KernelTable& kernels) {
  const ModelConfig c = TinyConfig();
  cpu::CpuBackend backend(c, ComputeType::kFloat32, kernels);
  Rng rng({.run_seed = 8, .stream = RngStream::kTest});
  constexpr int kRows = 37;
  const int width = c.hidden_size, d = c.head_dim;
  const int qkv_width = (c.num_heads + 2 * c.num_kv_heads) * d;
  const int qk_width = (c.num_heads + c.num_kv_heads) * d;
  std::vector<float> results;
  const auto keep = [&](const std::vector<float>& v) {
    results.insert(results.end(), v.begin(), v.end());
  };

  const auto x = RandomFloats(rng, size_t{kRows} * width);
  std::vector<float> normed(x.size()), rstd(kRows);
  backend.RmsNorm(x.data(), kRows, width, 1e-6f, normed.data(), rstd.data());
  keep(normed);
  const auto linear = backend.NewLinear(qkv_width, width, false);
  const auto w = RandomFloats(rng, static_cast<size_t>(qkv_width) * width);
  backend.SetLinear(*linear, w.data(), nullptr);
  std::vector<float> qkv(size_t{kRows} * qkv_width), qk(size_t{kRows} * qk_width);
  backend.Linear(*linear, normed.data(), kRows, qkv.data());
  keep(qkv);
  std::vector<int32_t> positions;
  for (int i = 0; i < kRows; ++i) positions.push_back(i);
  const auto gains = RandomFloats(rng, static_cast<size_t>(d));
  backend.QkNormRope(qkv.data(), positions.data(), kRows, gains.data(), gains.data(), qk.data(),
                     {});
  keep(qk);
  const auto segments = backend.NewSegments();
  backend.SetSegments(*segments, std::vector<PackedBatch::Segment>{{0, kRows, 0, 0}});
  std::vector<float> out(size_t{kRows} * c.num_heads * d), lse(size_t{kRows} * c.num_heads);
  backend.Attention(*segments, qk.data(), qkv.data(), out.data(), lse.data());
  keep(out);
  keep(lse);
  std::vector<float> dqk(qk.size()), dv(size_t{kRows} * c.num_kv_heads * d);
  const auto dout = RandomFloats(rng, out.size());
  backend.AttentionGradient(*segments, qk.data(), qkv.data(), out.data(), lse.data(), dout.data(),
                            kRows, dqk.data(), dv.data());
  keep(dqk);
  keep(dv);
  std::vector<float> dw(w.size());
  backend.LinearWeightGradient(*linear, qkv.data(), normed.data(), kRows, dw.data());
  keep(dw);
  auto weights = RandomFloats(rng, 100), gradient = RandomFloats(rng, 100);
  std::vector<float> first(100), second(100);
  const Backend::AdamWRange all{0, 100, 0.1f};
  backend.StepAdamW(weights.data(), gradient.data(), first.data(), second.data(), {&all, 1},
                    {1e-2f, 0.9f, 0.95f, 1e-8f, 1.0f, 1});
  keep(weights);
  return results;
}

TEST(Isa, EveryInstructionSetAgreesWithTheBaseline) {
  const std::vector<float> expected = RunOps(*cpu::FloatKernelsBaseline());
  double scale = 0;
  for (float v : expected) scale += static_cast<double>(v) * static_cast<double>(v);
  int compared = 0;
  for (const cpu::KernelTable* table : {cpu::FloatKernelsAvx2(), cpu::FloatKernelsAvx512()}) {
    if (!table) continue;
    ++compared;
    const std::vector<float> got = RunOps(*table);
    ASSERT_EQ(got.size(), expected.size());
    double error = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      const double difference = static_cast<double>(got[i]) - static_cast<double>(expected[i]);
      error += difference * difference;
    }
    EXPECT_LT(error, 1e-10 * scale) << table->isa;
  }
  RecordProperty("instruction_sets", compared + 1);
}

TEST(Isa, ComputeTypeIsWhatTheMachineHas) {
  const auto policy = TinyPolicy(ComputeType::kAuto);
  EXPECT_EQ(policy->compute(),
            cpu::Bf16KernelsAvx512() ? ComputeType::kBfloat16 : ComputeType::kFloat32);
}

TEST(Isa, Bf16IsRefusedWhereTheCpuHasNone) {
  const auto refusal = [] { cpu::ChooseKernels(ComputeType::kBfloat16, nullptr); };
  const std::string error = ErrorOf(refusal, ErrorKind::kUnsupported);
  for (const char* part : {"AVX512_BF16", "bf16", "auto", "fp32"}) {
    EXPECT_TRUE(Contains(error, part)) << error;
  }
  EXPECT_EQ(cpu::ChooseKernels(ComputeType::kAuto, nullptr).element_bytes, 4);
}

}  // namespace
}  // namespace agon::policy
