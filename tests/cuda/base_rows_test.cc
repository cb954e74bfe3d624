// A row has the same bits alone and among thousands at the shapes that are trained: on a GPU those
// of the preset base, for which cuBLASLt has other kernels than for small ones; in the emulator the
// same code at a small shape.
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "tests/cuda/backend_fixture.h"

namespace agon::policy::cuda {
namespace {

#ifdef CUDA_EMULATOR
const ModelConfig kModel = TinyConfig();
const std::vector<int> kFewRows = {1, 7, 64};
const int kAllRows = 132;
const size_t kNumLayers = 1;  // the trials of a shape take longer than its products
#else
const ModelConfig kModel = PresetConfig("base", /*vocab_size=*/32768, /*max_positions=*/1024);
const std::vector<int> kFewRows = {1, 7, 64, 512};
const int kAllRows = 8192;
const size_t kNumLayers = 4;
#endif
const int kHidden = kModel.hidden_size, kInner = kModel.intermediate_size;
const int kQueries = kModel.num_heads * kModel.head_dim;
const int kKeys = kModel.num_kv_heads * kModel.head_dim;

const int kPaddedVocabulary = 75;

using Results = std::vector<std::vector<float>>;  // each row after row

size_t Elements(int rows, int width) {
  return static_cast<size_t>(rows) * static_cast<size_t>(width);
}

template <typename T>
class BaseRows : public KernelTest<T> {
 protected:
  void SetUp() override {
    KernelTest<T>::SetUp();
    if (this->IsSkipped()) return;
    gpu_ = std::make_unique<CudaBackend>(kModel, kCompute<T>, 0);
  }

  // Rows [first, first + count) of an endless matrix. What it repeats is as long as a prime, so
  // that no two rows that are compared are alike.
  template <typename U>
  static Device<U> Rows(uint64_t seed, int first, int count, int width, double scale = 1.0) {
    // Drawn once: that took longer than what is tested.
    static std::map<std::pair<uint64_t, double>, std::vector<U>> all;
    auto& drawn = all[{seed, scale}];
    if (drawn.empty()) drawn = Rounded<U>(Normals(seed, 65521, scale));
    std::vector<U> rows(Elements(count, width));
    for (size_t i = 0; i < rows.size(); ++i) {
      rows[i] = drawn[(Elements(first, width) + i) % drawn.size()];
    }
    return Device<U>(rows);
  }
  static Device<int32_t> Ids(uint64_t seed, int first, int count, int limit) {
    return Device<int32_t>(Slice(Indexes(seed, static_cast<size_t>(kAllRows), limit),
                                 static_cast<size_t>(first), static_cast<size_t>(count)));
  }

  std::unique_ptr<PackedLinear> NewLinear(int out, int in, bool gated = false) {
    auto linear = gpu_->NewLinear(out, in, gated);
    const auto weight = Rows<float>(1, 0, out, in, 0.05);
    gpu_->SetLinear(*linear, weight, nullptr);
    Expect(cudaDeviceSynchronize());
    return linear;
  }

  // `run(first, count)` gives the results of rows [first, first + count), at the beginning and at
  // the end of the most.
  template <typename Run>
  static void ExpectSameBits(const std::string& what, const Run& run) {
    const Results all = run(0, kAllRows);
    for (const int count : kFewRows) {
      for (const int first : {0, kAllRows - count}) {
        const Results some = run(first, count);
        for (size_t i = 0; i < all.size(); ++i) {
          const int width = static_cast<int>(all[i].size()) / kAllRows;
          EXPECT_TRUE(
              SameBits(some[i], Slice(all[i], Elements(first, width), Elements(count, width))))
              << what << ", result " << i << ": " << count << " rows from " << first;
        }
      }
    }
  }

  std::unique_ptr<CudaBackend> gpu_;
};
TYPED_TEST_SUITE(BaseRows, ComputeTypes);

TYPED_TEST(BaseRows, ProductsOfEveryLayer) {
  using T = TypeParam;
  const struct {
    const char* name;
    int out, in;
  } kLayers[] = {{"queries, keys and values", kQueries + 2 * kKeys, kHidden},
                 {"attention's output", kHidden, kQueries},
                 {"gate and up", 2 * kInner, kHidden},
                 {"down", kHidden, kInner}};
  for (const auto& [name, out, in] : std::span(kLayers).first(kNumLayers)) {
    const auto linear = this->NewLinear(out, in);
    this->ExpectSameBits(name, [&, out = out, in = in](int first, int count) {
      const auto x = this->template Rows<T>(2, first, count, in);
      const auto dy = this->template Rows<T>(3, first, count, out);
      auto sum = this->template Rows<float>(4, first, count, out);
      Device<T> y(Elements(count, out)), dx_rounded(Elements(count, in));
      Device<float> dx(Elements(count, in));
      this->gpu_->Linear(*linear, x, count, y);
      this->gpu_->LinearAdd(*linear, x, count, sum);
      this->gpu_->LinearInputGradient(*linear, dy, count, dx);
      this->gpu_->LinearInputGradientRounded(*linear, dy, count, dx_rounded);
      return Results{Values(y.Read()), sum.Read(), dx.Read(), Values(dx_rounded.Read())};
    });
  }
}

TYPED_TEST(BaseRows, SwiGluAndItsGradient) {
  using T = TypeParam;
  const auto up = this->NewLinear(2 * kInner, kHidden, true),
             down = this->NewLinear(kHidden, kInner);
  this->ExpectSameBits("SwiGLU", [&](int first, int count) {
    const auto x = this->template Rows<T>(2, first, count, kHidden);
    const auto dy = this->template Rows<T>(3, first, count, kHidden);
    Device<T> gate_up(Elements(count, 2 * kInner)), activation(Elements(count, kInner));
    Device<T> dgate_up(Elements(count, 2 * kInner));
    this->gpu_->LinearSwiGlu(*up, x, count, gate_up, activation);
    this->gpu_->LinearSwiGluGradient(*down, dy, count, gate_up, dgate_up);
    return Results{Values(gate_up.Read()), Values(activation.Read()), Values(dgate_up.Read())};
  });
}

TYPED_TEST(BaseRows, ScoredSampledAndMostLikelyTokens) {
  using T = TypeParam;
  const auto uniforms = Indexes(6, static_cast<size_t>(kAllRows), 1 << 20);
  for (const int vocabulary : std::set{kModel.vocab_size, kPaddedVocabulary}) {
    const auto head = this->NewLinear(vocabulary, kHidden);
    Device<float> dw(std::vector<float>(Elements(vocabulary, kHidden)));
    const std::string what = "head of " + std::to_string(vocabulary);
    this->ExpectSameBits(what, [&](int first, int count) {
      const auto rows = static_cast<size_t>(count);
      const auto hidden = this->template Rows<T>(2, first, count, kHidden);
      const auto targets = this->Ids(3, first, count, vocabulary);
      const auto derivatives = this->template Rows<float>(4, first, count, 1);
      std::vector<float> chances;
      for (size_t i = 0; i < rows; ++i) {
        chances.push_back(static_cast<float>(uniforms[static_cast<size_t>(first) + i]) * 0x1p-20f);
      }
      Device<float> logprobs(rows), entropies(rows), dhidden(Elements(count, kHidden)), drawn(rows);
      Device<int32_t> tokens(rows);
      Device<TokenLogprob> top(2 * rows);
      this->gpu_->ScoreTokens(*head, hidden, count, targets, 0.8f, logprobs, entropies, derivatives,
                              dhidden, dw);
      this->gpu_->SampleTokens(*head, hidden, count, {}, Device<float>(chances), tokens, drawn);
      this->gpu_->TopTokens(*head, hidden, count, 1.0f, 2, top);
      const auto ids = tokens.Read();
      std::vector<float> most_likely;
      for (const TokenLogprob& t : top.Read()) {
        most_likely.insert(most_likely.end(), {static_cast<float>(t.token), t.logprob});
      }
      return Results{logprobs.Read(),
                     entropies.Read(),
                     dhidden.Read(),
                     drawn.Read(),
                     std::vector<float>(ids.begin(), ids.end()),
                     most_likely};
    });
  }
}

TYPED_TEST(BaseRows, NormsTheirGradientsAndRoundedRows) {
  using T = TypeParam;
  this->ExpectSameBits("norms", [&](int first, int count) {
    const auto x = this->template Rows<float>(2, first, count, kHidden);
    const auto dxhat = this->template Rows<float>(3, first, count, kHidden);
    auto dx = this->template Rows<float>(4, first, count, kHidden);
    Device<T> xhat(Elements(count, kHidden)), dx_rounded(Elements(count, kHidden));
    Device<T> rounded(Elements(count, kHidden));
    Device<float> rstd(Elements(count, 1));
    this->gpu_->RmsNorm(x, count, kHidden, 1e-6f, xhat, rstd);
    this->gpu_->RmsNormGradient(dxhat, xhat, rstd, count, kHidden, dx, dx_rounded);
    this->gpu_->Round(x, int64_t{count} * kHidden, rounded);
    return Results{Values(xhat.Read()), rstd.Read(), dx.Read(), Values(dx_rounded.Read()),
                   Values(rounded.Read())};
  });
}

TYPED_TEST(BaseRows, RotatedHeadsAndTheirGradients) {
  using T = TypeParam;
  const auto gain = this->template Rows<float>(7, 0, 1, kModel.head_dim);
  Device<float> dgain(std::vector<float>(static_cast<size_t>(kModel.head_dim)));
  this->ExpectSameBits("heads", [&](int first, int count) {
    const auto qkv = this->template Rows<T>(2, first, count, kQueries + 2 * kKeys);
    const auto dqk = this->template Rows<float>(3, first, count, kQueries + kKeys);
    const auto dv = this->template Rows<float>(4, first, count, kKeys);
    const auto positions = this->Ids(5, first, count, kModel.max_positions);
    Device<T> qk(Elements(count, kQueries + kKeys)), dqkv(Elements(count, kQueries + 2 * kKeys));
    this->gpu_->QkNormRope(qkv, positions, count, gain, gain, qk, {});
    this->gpu_->QkNormRopeGradient(qkv, positions, count, gain, gain, dqk, dv, dqkv, dgain, dgain);
    return Results{Values(qk.Read()), Values(dqkv.Read())};
  });
}

// Sequences instead of rows: each alone, and among those that fill the most rows.
TYPED_TEST(BaseRows, AttentionAndItsGradientBySequence) {
  using T = TypeParam;
  const int length = std::min(512, kAllRows / 4), most = kAllRows / length;
  const auto run = [&](int first, int count) {
    std::vector<PackedBatch::Segment> segments;
    for (int i = 0; i < count; ++i) segments.push_back({i * length, length, 0, 0});
    const auto packed = this->gpu_->NewSegments();
    this->gpu_->SetSegments(*packed, segments);
    const int begin = first * length, rows = count * length;
    const auto qk = this->template Rows<T>(2, begin, rows, kQueries + kKeys);
    const auto qkv = this->template Rows<T>(3, begin, rows, kQueries + 2 * kKeys);
    const auto dout = this->template Rows<T>(4, begin, rows, kQueries);
    Device<T> out(Elements(rows, kQueries));
    Device<float> lse(Elements(rows, kModel.num_heads)), dqk(Elements(rows, kQueries + kKeys));
    Device<float> dv(Elements(rows, kKeys));
    this->gpu_->Attention(*packed, qk, qkv, out, lse);
    this->gpu_->AttentionGradient(*packed, qk, qkv, out, lse, dout, rows, dqk, dv);
    return Results{Values(out.Read()), lse.Read(), dqk.Read(), dv.Read()};
  };
  const Results all = run(0, most);
  for (const int sequence : {0, most - 1}) {
    const Results alone = run(sequence, 1);
    for (size_t i = 0; i < all.size(); ++i) {
      const size_t size = all[i].size() / static_cast<size_t>(most);
      EXPECT_TRUE(SameBits(alone[i], Slice(all[i], static_cast<size_t>(sequence) * size, size)))
          << "result " << i << " of sequence " << sequence;
    }
  }
}

}  // namespace
}  // namespace agon::policy::cuda
