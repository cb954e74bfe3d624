// A row has the same bits alone and among 512: every op of the backend that works by rows. The log-
// probability of a sampled token is the trainer's only because of that.
#include "tests/cuda/backend_fixture.h"

namespace agon::policy::cuda {
namespace {

constexpr int kMany = 512;
using Results = std::vector<std::vector<float>>;  // each row after row

template <typename T>
class RowsAlone : public KernelTest<T> {
 protected:
  void SetUp() override {
    KernelTest<T>::SetUp();
    if (this->IsSkipped()) return;
    gpu_ = std::make_unique<CudaBackend>(TinyConfig(), kCompute<T>, 0);
  }

  std::unique_ptr<PackedLinear> NewLinear(int out, int in, bool gated = false) {
    auto linear = gpu_->NewLinear(out, in, gated);
    const Device<float> weight(Normals(1, Size(out, in), 0.3));
    gpu_->SetLinear(*linear, weight, nullptr);
    Expect(cudaDeviceSynchronize());
    return linear;
  }
  static size_t Size(int rows, int width) {
    return static_cast<size_t>(rows) * static_cast<size_t>(width);
  }
  // Rows [first, first + count) of an array, on the device.
  template <typename U>
  static Device<U> Part(const std::vector<U>& all, int first, int count) {
    const size_t width = all.size() / kMany;
    return Device<U>(
        Slice(all, static_cast<size_t>(first) * width, static_cast<size_t>(count) * width));
  }
  static std::vector<T> Values(uint64_t seed, int width) {
    return Rounded<T>(Normals(seed, Size(kMany, width)));
  }

  // `run(first, count)` gives the results of rows [first, first + count).
  template <typename Run>
  void ExpectSameBits(const Run& run) {
    const Results all = run(0, kMany);
    for (const auto& [first, count] : {std::pair{0, 1}, {300, 1}, {511, 1}, {100, 7}}) {
      const Results some = run(first, count);
      for (size_t i = 0; i < all.size(); ++i) {
        const size_t width = all[i].size() / kMany;
        EXPECT_TRUE(SameBits(some[i], Slice(all[i], static_cast<size_t>(first) * width,
                                            static_cast<size_t>(count) * width)))
            << "result " << i << ", rows from " << first;
      }
    }
  }

  std::unique_ptr<CudaBackend> gpu_;
};
TYPED_TEST_SUITE(RowsAlone, ComputeTypes);

TYPED_TEST(RowsAlone, LinearAddAndInputGradient) {
  const auto linear = this->NewLinear(64, 96);
  const auto x = this->Values(2, 96), dy = this->Values(3, 64);
  const auto residual = Normals(4, kMany * 64);
  this->ExpectSameBits([&](int first, int count) {
    auto y = this->Part(residual, first, count);
    Device<float> dx(this->Size(count, 96));
    this->gpu_->LinearAdd(*linear, this->Part(x, first, count), count, y);
    this->gpu_->LinearInputGradient(*linear, this->Part(dy, first, count), count, dx);
    return Results{y.Read(), dx.Read()};
  });
}

TYPED_TEST(RowsAlone, SwiGluAndItsGradient) {
  using T = TypeParam;
  const auto up = this->NewLinear(2 * 96, 64, true), down = this->NewLinear(64, 96);
  const auto x = this->Values(2, 64), dy = this->Values(3, 64);
  this->ExpectSameBits([&](int first, int count) {
    Device<T> gate_up(this->Size(count, 2 * 96)), activation(this->Size(count, 96));
    Device<T> dgate_up(this->Size(count, 2 * 96));
    this->gpu_->LinearSwiGlu(*up, this->Part(x, first, count), count, gate_up, activation);
    this->gpu_->LinearSwiGluGradient(*down, this->Part(dy, first, count), count, gate_up, dgate_up);
    return Results{Values(gate_up.Read()), Values(activation.Read()), Values(dgate_up.Read())};
  });
}

// Through the head's product and the kernels on its logits.
TYPED_TEST(RowsAlone, ScoredTokens) {
  const auto head = this->NewLinear(75, 64);
  const auto hidden = this->Values(2, 64);
  const auto targets = Indexes(3, kMany, 75);
  const auto dlogprobs = Normals(4, kMany);
  this->ExpectSameBits([&](int first, int count) {
    const size_t rows = this->Size(count, 1);
    Device<float> logprobs(rows), entropies(rows), dhidden(rows * 64);
    Device<float> dw(std::vector<float>(75 * 64, 0.0f));
    this->gpu_->ScoreTokens(*head, this->Part(hidden, first, count), count,
                            this->Part(targets, first, count), 0.8f, logprobs, entropies,
                            this->Part(dlogprobs, first, count), dhidden, dw);
    return Results{logprobs.Read(), entropies.Read(), dhidden.Read()};
  });
}

TYPED_TEST(RowsAlone, SampledAndMostLikelyTokens) {
  const auto head = this->NewLinear(75, 64);
  const auto hidden = this->Values(2, 64);
  std::vector<float> uniforms;
  const RngKey key{.run_seed = 7, .stream = RngStream::kSample};
  for (uint64_t i = 0; i < kMany; ++i) uniforms.push_back(key.WithTask(i).Uniform(0));
  this->ExpectSameBits([&](int first, int count) {
    const size_t rows = this->Size(count, 1);
    Device<float> logprobs(rows);
    Device<int32_t> tokens(rows);
    Device<TokenLogprob> top(2 * rows);
    this->gpu_->SampleTokens(*head, this->Part(hidden, first, count), count, {},
                             this->Part(uniforms, first, count), tokens, logprobs);
    this->gpu_->TopTokens(*head, this->Part(hidden, first, count), count, 1.0f, 2, top);
    std::vector<float> ids, most_likely;
    for (const int32_t token : tokens.Read()) ids.push_back(static_cast<float>(token));
    for (const TokenLogprob& t : top.Read()) {
      most_likely.insert(most_likely.end(), {static_cast<float>(t.token), t.logprob});
    }
    return Results{logprobs.Read(), ids, most_likely};
  });
}

TYPED_TEST(RowsAlone, NormsGradientsAndRoundedRows) {
  using T = TypeParam;
  const auto xhat = this->Values(2, 64);
  const auto dxhat = Normals(3, kMany * 64), x = Normals(4, kMany * 64);
  const auto rstd = Normals(5, kMany);
  this->ExpectSameBits([&](int first, int count) {
    auto dx = this->Part(x, first, count);
    Device<T> dx_rounded(this->Size(count, 64)), rounded(this->Size(count, 64));
    this->gpu_->RmsNormGradient(this->Part(dxhat, first, count), this->Part(xhat, first, count),
                                this->Part(rstd, first, count), count, 64, dx, dx_rounded);
    this->gpu_->Round(this->Part(x, first, count), count * 64, rounded);
    return Results{dx.Read(), Values(dx_rounded.Read()), Values(rounded.Read())};
  });
}

TYPED_TEST(RowsAlone, RotaryGradient) {
  using T = TypeParam;  // TinyConfig: 4 heads of queries, 2 of keys, 32 wide
  const auto qkv = this->Values(2, 8 * 32);
  const auto dqk = Normals(3, kMany * 6 * 32), dv = Normals(4, kMany * 2 * 32);
  const auto positions = Indexes(5, kMany, TinyConfig().max_positions);
  const Device<float> gain(Normals(6, 32));
  this->ExpectSameBits([&](int first, int count) {
    Device<T> dqkv(this->Size(count, 8 * 32));
    Device<float> dq_gain(std::vector<float>(32)), dk_gain(std::vector<float>(32));
    this->gpu_->QkNormRopeGradient(
        this->Part(qkv, first, count), this->Part(positions, first, count), count, gain, gain,
        this->Part(dqk, first, count), this->Part(dv, first, count), dqkv, dq_gain, dk_gain);
    return Results{Values(dqkv.Read())};
  });
}

// Sequences instead of rows: 8 of them in a batch, and one alone.
TYPED_TEST(RowsAlone, AttentionAndItsGradientBySequence) {
  using T = TypeParam;
  constexpr int kLength = 16, kSequences = 8;
  const auto slice = [&](const std::vector<T>& all, int width, int first, int count) {
    return Device<T>(
        Slice(all, this->Size(first * kLength, width), this->Size(count * kLength, width)));
  };
  const auto qk = this->Values(2, 6 * 32), qkv = this->Values(3, 8 * 32),
             dout = this->Values(4, 4 * 32);
  const auto run = [&](int first, int count) {
    std::vector<PackedBatch::Segment> segments;
    for (int i = 0; i < count; ++i) segments.push_back({i * kLength, kLength, 0, 0});
    const auto packed = this->gpu_->NewSegments();
    this->gpu_->SetSegments(*packed, segments);
    const int rows = count * kLength;
    Device<T> out(this->Size(rows, 4 * 32));
    Device<float> lse(this->Size(rows, 4)), dqk(this->Size(rows, 6 * 32)),
        dv(this->Size(rows, 2 * 32));
    const auto q = slice(qk, 6 * 32, first, count), v = slice(qkv, 8 * 32, first, count);
    this->gpu_->Attention(*packed, q, v, out, lse);
    this->gpu_->AttentionGradient(*packed, q, v, out, lse, slice(dout, 4 * 32, first, count), rows,
                                  dqk, dv);
    return Results{Values(out.Read()), lse.Read(), dqk.Read(), dv.Read()};
  };
  const auto all = run(0, kSequences);
  for (const int sequence : {0, 5}) {
    const auto alone = run(sequence, 1);
    for (size_t i = 0; i < all.size(); ++i) {
      const size_t width = all[i].size() / kSequences;
      EXPECT_TRUE(SameBits(alone[i], Slice(all[i], static_cast<size_t>(sequence) * width, width)))
          << "result " << i << " of sequence " << sequence;
    }
  }
}

}  // namespace
}  // namespace agon::policy::cuda
