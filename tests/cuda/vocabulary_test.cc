#include "policy/cuda/kernels.h"
#include "tests/cuda/device_arrays.h"

namespace agon::policy::cuda {
namespace {

// A head on the CPU and its logits (rows, stride), which the kernels start from.
struct Head {
  static constexpr int kC = 32;

  Head(int row_count, int vocabulary, double scale) : rows(row_count), v(vocabulary) {
    stride = (v + 31) / 32 * 32;
    hidden = Normals(1, static_cast<size_t>(rows) * kC);
    linear = backend->NewLinear(v, kC, false);
    backend->SetLinear(*linear, Normals(2, static_cast<size_t>(v) * kC, scale).data(), nullptr);
    logits.resize(static_cast<size_t>(rows * stride));
    backend->Linear(*linear, hidden.data(), rows, logits.data());
    // The kernels must not look at the padding.
    for (int row = 0; row < rows; ++row) {
      for (int i = v; i < stride; ++i) logits[static_cast<size_t>(row * stride + i)] = 1e30f;
    }
  }

  double Logit(int row, int i) const {
    return static_cast<double>(logits[static_cast<size_t>(row * stride + i)]);
  }

  std::unique_ptr<Backend> backend = Reference();
  std::unique_ptr<PackedLinear> linear;
  std::vector<float> hidden, logits;
  int rows, v, stride;
};

template <typename T>
struct Scores {
  std::vector<float> logprobs, entropies;
  std::vector<T> dlogits;
};

template <typename T>
Scores<T> Score(const Head& head, int first, int count, float temperature,
                const std::vector<int32_t>& targets, const std::vector<float>* dlogprobs) {
  const auto begin = static_cast<size_t>(first), size = static_cast<size_t>(count);
  const auto width = static_cast<size_t>(head.stride);
  Device<float> logits(Slice(head.logits, begin * width, size * width));
  Device<int32_t> device_targets(Slice(targets, begin, size));
  Device<float> logprobs(size), entropies(size);
  Device<T> dlogits(size * width);
  Device<float> d(dlogprobs ? Slice(*dlogprobs, begin, size) : std::vector<float>(1));
  ScoreLogits<T>(logits, count, head.v, head.stride, temperature, device_targets, logprobs,
                 entropies, dlogprobs ? static_cast<float*>(d) : nullptr, dlogits, nullptr);
  return {logprobs.Read(), entropies.Read(), dlogits.Read()};
}

// Gradient of dlogprob * log p(target) in fp64.
std::vector<float> ExpectedGradient(const Head& head, float temperature,
                                    const std::vector<int32_t>& targets,
                                    const std::vector<float>& dlogprobs) {
  std::vector<float> d(head.logits.size());
  for (int row = 0; row < head.rows; ++row) {
    const auto r = static_cast<size_t>(row);
    const auto t = static_cast<double>(temperature);
    double most = -1e300, sum = 0;
    for (int i = 0; i < head.v; ++i) most = std::max(most, head.Logit(row, i) / t);
    for (int i = 0; i < head.v; ++i) sum += std::exp(head.Logit(row, i) / t - most);
    for (int i = 0; i < head.v; ++i) {
      const double p = std::exp(head.Logit(row, i) / t - most) / sum;
      d[static_cast<size_t>(row * head.stride + i)] = static_cast<float>(
          static_cast<double>(dlogprobs[r]) / t * ((i == targets[r] ? 1.0 : 0.0) - p));
    }
  }
  return d;
}

template <typename T>
class ScoreKernel : public KernelTest<T> {};
TYPED_TEST_SUITE(ScoreKernel, ComputeTypes);

TYPED_TEST(ScoreKernel, FollowsTheCpuAndFp64) {
  using T = TypeParam;
  for (const auto& [v, scale] : {std::pair{75, 0.3}, {2000, 1.0}, {3, 10.0}}) {
    const Head head(19, v, scale);
    const auto targets = Indexes(3, 19, v);
    const auto dlogprobs = Normals(4, 19);
    const float temperature = 0.7f;
    std::vector<float> logprobs(19), entropies(19);
    head.backend->ScoreTokens(*head.linear, head.hidden.data(), 19, targets.data(), temperature,
                              logprobs.data(), entropies.data(), nullptr, nullptr, nullptr);
    const auto got = Score<T>(head, 0, 19, temperature, targets, &dlogprobs);
    EXPECT_LE(Nmse(got.logprobs, logprobs), 1e-10) << v;
    EXPECT_LE(Nmse(got.entropies, entropies), 1e-10) << v;
    const auto expected = ExpectedGradient(head, temperature, targets, dlogprobs);
    EXPECT_LE(Nmse(got.dlogits, Rounded<T>(expected)), kBound<T>) << v;
    for (int i = v; i < head.stride; ++i) {
      EXPECT_EQ(Value(got.dlogits[static_cast<size_t>(i)]), 0.0f);
    }
  }
}

TYPED_TEST(ScoreKernel, ARowAloneHasTheSameBits) {
  using T = TypeParam;
  const Head head(512, 75, 0.5);
  const auto targets = Indexes(5, 512, 75);
  const auto dlogprobs = Normals(6, 512);
  const auto all = Score<T>(head, 0, 512, 1.0f, targets, &dlogprobs);
  const auto without_gradient = Score<T>(head, 0, 512, 1.0f, targets, nullptr);
  EXPECT_TRUE(SameBits(without_gradient.logprobs, all.logprobs));
  for (const int row : {0, 5, 511}) {
    const auto r = static_cast<size_t>(row), width = static_cast<size_t>(head.stride);
    const auto alone = Score<T>(head, row, 1, 1.0f, targets, &dlogprobs);
    EXPECT_TRUE(SameBits(alone.logprobs, Slice(all.logprobs, r, 1)));
    EXPECT_TRUE(SameBits(alone.entropies, Slice(all.entropies, r, 1)));
    EXPECT_TRUE(SameBits(alone.dlogits, Slice(all.dlogits, r * width, width)));
  }
}

TYPED_TEST(ScoreKernel, HugeLogitsDontOverflow) {
  using T = TypeParam;
  Head head(2, 40, 1.0);
  for (float& x : head.logits) x = -3e4f;
  head.logits[7] = 4e4f;
  const auto got = Score<T>(head, 0, 2, 1.0f, {7, 8}, nullptr);
  EXPECT_EQ(got.logprobs[0], 0.0f);
  EXPECT_NEAR(got.logprobs[1], -std::log(40.0f), 1e-5f);
  EXPECT_NEAR(got.entropies[0], 0.0f, 1e-6f);
  EXPECT_NEAR(got.entropies[1], std::log(40.0f), 1e-5f);
}

class SampleKernel : public KernelTest<float> {};

struct Samples {
  std::vector<int32_t> tokens;
  std::vector<float> logprobs;
};

Samples Sample(const Head& head, int first, int count, const Sampling& sampling,
               const std::vector<float>& uniforms) {
  const auto begin = static_cast<size_t>(first), size = static_cast<size_t>(count);
  const auto width = static_cast<size_t>(head.stride);
  Device<float> logits(Slice(head.logits, begin * width, size * width));
  Device<float> u(Slice(uniforms, begin, size)), logprobs(size);
  Device<int32_t> tokens(size);
  SampleLogits(logits, count, head.v, head.stride, sampling.temperature, sampling.top_k,
               sampling.top_p, u, tokens, logprobs, nullptr);
  return {tokens.Read(), logprobs.Read()};
}

// The sampler's own numbers: a key for each row, as in generation.
std::vector<float> Uniforms(int count) {
  std::vector<float> u;
  const RngKey key{.run_seed = 7, .stream = RngStream::kSample};
  for (int i = 0; i < count; ++i) u.push_back(key.WithTask(static_cast<uint64_t>(i)).Uniform(3));
  return u;
}

TEST_F(SampleKernel, DrawsTheCpusTokens) {
  constexpr int kRows = 24;
  for (const int v : {75, 300}) {
    const Head head(kRows, v, 0.4);
    const auto uniforms = Uniforms(kRows);
    for (const auto& [temperature, top_k, top_p] : {std::tuple{1.0f, 0, 1.0f},
                                                    {0.6f, 0, 1.0f},
                                                    {0.0f, 0, 1.0f},
                                                    {1.0f, 1, 1.0f},
                                                    {1.0f, 7, 1.0f},
                                                    {1.3f, 0, 0.8f},
                                                    {0.9f, 12, 0.5f},
                                                    {1.0f, 5000, 0.0f}}) {
      Sampling sampling;
      sampling.temperature = temperature;
      sampling.top_k = top_k;
      sampling.top_p = top_p;
      std::vector<int32_t> tokens(kRows);
      std::vector<float> logprobs(kRows);
      head.backend->SampleTokens(*head.linear, head.hidden.data(), kRows, sampling, uniforms.data(),
                                 tokens.data(), logprobs.data());
      const Samples got = Sample(head, 0, kRows, sampling, uniforms);
      // A uniform number that falls on a border to the last bit may go either way.
      int different = 0;
      for (size_t i = 0; i < kRows; ++i) {
        if (got.tokens[i] != tokens[i]) {
          ++different;
        } else {
          EXPECT_NEAR(got.logprobs[i], logprobs[i], 2e-5f);
        }
      }
      EXPECT_LE(different, 1) << "v " << v << " temperature " << temperature << " top_k " << top_k
                              << " top_p " << top_p;
    }
  }
}

TEST_F(SampleKernel, LogProbsAreTheScoresBits) {
  const Head head(40, 300, 0.6);
  const auto uniforms = Uniforms(40);
  for (const float temperature : {1.0f, 0.8f}) {
    Sampling sampling;
    sampling.temperature = temperature;
    const Samples got = Sample(head, 0, 40, sampling, uniforms);
    EXPECT_TRUE(SameBits(got.logprobs,
                         Score<Bf16>(head, 0, 40, temperature, got.tokens, nullptr).logprobs));
  }
}

TEST_F(SampleKernel, ARowAloneHasTheSameBits) {
  const Head head(512, 75, 0.5);
  const auto uniforms = Uniforms(512);
  const Samples all = Sample(head, 0, 512, {}, uniforms);
  for (const int row : {0, 100, 511}) {
    const auto r = static_cast<size_t>(row);
    const Samples alone = Sample(head, row, 1, {}, uniforms);
    EXPECT_EQ(alone.tokens[0], all.tokens[r]);
    EXPECT_TRUE(SameBits(alone.logprobs, Slice(all.logprobs, r, 1)));
  }
}

// Five equal weights of 1 (ids 10, 20, 30, 40, 50), the rest far below.
Head Ties(int rows) {
  Head head(rows, 75, 0.0);
  for (int row = 0; row < rows; ++row) {
    for (const int id : {10, 20, 30, 40, 50}) {
      head.logits[static_cast<size_t>(row * head.stride + id)] = 500.0f;
    }
  }
  return head;
}

TEST_F(SampleKernel, TiesKeepTheLowestIds) {
  const Head head = Ties(4);
  const std::vector<float> uniforms = {0.0f, 0.45f, 0.55f, 0.999f};
  Sampling sampling;
  sampling.temperature = 0.0f;
  EXPECT_EQ(Sample(head, 0, 4, sampling, uniforms).tokens, (std::vector<int32_t>{10, 10, 10, 10}));
  sampling.temperature = 1.0f;
  sampling.top_k = 2;
  EXPECT_EQ(Sample(head, 0, 4, sampling, uniforms).tokens, (std::vector<int32_t>{10, 10, 20, 20}));
  sampling.top_k = 0;
  sampling.top_p = 0.5f;  // 2.5 of 5: three tokens
  EXPECT_EQ(Sample(head, 0, 4, sampling, uniforms).tokens, (std::vector<int32_t>{10, 20, 20, 30}));
  sampling.top_p = 1.0f;
  EXPECT_EQ(Sample(head, 0, 4, sampling, uniforms).tokens, (std::vector<int32_t>{10, 30, 30, 50}));
}

}  // namespace
}  // namespace agon::policy::cuda
