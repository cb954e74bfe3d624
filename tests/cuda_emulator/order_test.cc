// Every kernel in other orders of its threads and blocks: the same bits.
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "policy/cuda/kernels.h"
#include "policy/cuda/matmul_choice.h"
#include "policy/row_table.h"
#include "tests/cuda/backend_fixture.h"
#include "tests/cuda_emulator/thread_order.h"

namespace agon::policy::cuda {
namespace {

using Results = std::vector<std::vector<float>>;

// The bits of `run`'s results in order 0 and in shuffled ones.
void ExpectSameInEveryOrder(const std::function<Results()>& run) {
  const auto expected = run();
  for (const uint64_t order : {1, 2, 3}) {
    const cuda_emulator::ScopedThreadOrder for_now(order);
    const auto got = run();
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_TRUE(SameBits(got[i], expected[i])) << "result " << i << ", order " << order;
    }
  }
}

constexpr int kRows = 75, kC = 160;

template <typename T>
class Order : public ::testing::Test {};
TYPED_TEST_SUITE(Order, ComputeTypes);

TYPED_TEST(Order, RowsAndSums) {
  using T = TypeParam;
  const auto x = Normals(1, kRows * kC), d = Normals(2, kRows * kC);
  const auto ids = Indexes(3, kRows, 9);
  ExpectSameInEveryOrder([&] {
    Device<float> dx(x), dxhat(d), rstd(kRows), table(x), partial(2 * kC), dgain(d), dw(x.size());
    Device<T> xhat(x.size()), rounded(x.size());
    Device<int32_t> rows(ids), order(static_cast<size_t>(RowOrderInts(kRows)));
    RmsNorm<T>(dx, kRows, kC, 1e-6f, xhat, rstd, nullptr);
    RmsNormGradient<T>(dxhat, xhat, rstd, kRows, kC, dx, rounded, nullptr);
    ScatterAddRows(dxhat, rows, kRows, kC, table, order, nullptr);
    const FoldedGain folded{dxhat, table, dgain, kRows, false, dw, dgain};
    UnfoldGains({&folded, 1}, kC, partial, nullptr);
    Device<double> sum(1);
    SumsOfSquares(dw, kRows * kC, sum, nullptr);
    const auto normed = xhat.Read();
    GatherRows<T>(rounded, rows, kRows, kC, xhat, nullptr);
    const auto gathered = xhat.Read();
    Round<T>(dx, kRows * kC, rounded, nullptr);
    Embedding(table, rows, kRows, kC, dxhat, nullptr);
    return std::vector{dx.Read(),
                       table.Read(),
                       dgain.Read(),
                       dw.Read(),
                       std::vector{static_cast<float>(sum.Read()[0])},
                       Values(normed),
                       Values(gathered),
                       Values(xhat.Read()),
                       Values(rounded.Read()),
                       dxhat.Read()};
  });
}

TYPED_TEST(Order, Heads) {
  using T = TypeParam;
  const HeadShape shape{4, 2, 32};
  const std::vector<PackedBatch::Segment> segments = {{0, 40, 0, 0}, {40, 35, 0, 40}};
  const auto x = Rounded<T>(Normals(4, kRows * 8 * 32));
  const auto table = Normals(5, 512 * 16);
  const auto gain = Normals(6, 32);
  ExpectSameInEveryOrder([&] {
    Device<T> qkv(x), qk(kRows * 6 * 32), out(kRows * 4 * 32), dqkv(x.size());
    Device<int32_t> positions(Indexes(7, kRows, 512));
    Device<float> angles(table), gains(gain), dq_gain(gain), dk_gain(gain);
    Device<float> lse(kRows * 4), delta(kRows * 4), dqk(kRows * 6 * 32), dv(kRows * 2 * 32);
    QkNormRope<T>(qkv, positions, kRows, gains, gains, angles, angles, 1e-6f, shape, qk, {},
                  nullptr, nullptr);
    const KeyTiles key_tiles = MakeKeyTiles(segments);
    const auto tiles = MakeAttentionTiles(segments, shape);
    Device<AttentionTile> device_tiles(tiles);
    Device<KeyTile> device_key_tiles(key_tiles.tiles);
    Device<QueryRange> ranges(key_tiles.ranges);
    Attention<T>(device_tiles, static_cast<int>(tiles.size()), shape, qk, qkv, out, lse, nullptr);
    AttentionGradient<T>(device_tiles, static_cast<int>(tiles.size()), device_key_tiles,
                         static_cast<int>(key_tiles.tiles.size()), ranges, shape, qk, qkv, out, lse,
                         out, kRows, delta, dqk, dv, nullptr);
    Device<float> partials(static_cast<size_t>(QkNormRopePartials(kRows, shape)));
    QkNormRopeGradient<T>(qkv, positions, kRows, gains, gains, angles, angles, 1e-6f, shape, dqk,
                          dv, dqkv, dq_gain, dk_gain, partials, nullptr);
    return std::vector{Values(out.Read()),  lse.Read(),     dqk.Read(),    dv.Read(),
                       Values(dqkv.Read()), dq_gain.Read(), dk_gain.Read()};
  });
}

TYPED_TEST(Order, Vocabulary) {
  using T = TypeParam;
  constexpr int kV = 300, kStride = 320, kFew = 12;
  const auto x = Normals(8, kFew * kStride, 2.0);
  ExpectSameInEveryOrder([&] {
    Device<float> logits(x), logprobs(kFew), entropies(kFew), d(Normals(9, kFew)), u(kFew);
    Device<T> dlogits(x.size());
    Device<int32_t> tokens(kFew);
    Expect(cudaMemset(u, 0, kFew * sizeof(float)));
    SampleLogits(logits, kFew, kV, kStride, 0.9f, 20, 0.8f, u, tokens, logprobs, nullptr);
    const auto sampled = logprobs.Read();
    ScoreLogits<T>(logits, kFew, kV, kStride, 0.9f, tokens, logprobs, entropies, d, dlogits,
                   nullptr);
    EXPECT_TRUE(SameBits(logprobs.Read(), sampled));
    Device<TokenLogprob> top(kFew * 3);
    TopLogits(logits, kFew, kV, kStride, 0.9f, 3, top, nullptr);
    std::vector<float> most_likely;
    for (const TokenLogprob& t : top.Read()) most_likely.push_back(t.logprob);
    return std::vector{sampled, entropies.Read(), Values(dlogits.Read()), most_likely};
  });
}

TYPED_TEST(Order, WeightsAndGates) {
  using T = TypeParam;
  const auto weight = Normals(10, kRows * kC), column_gain = Normals(11, kC);
  ExpectSameInEveryOrder([&] {
    Device<float> w(weight), gain(column_gain);
    Device<T> packed(96 * kC), activation(96 * kC / 2), dgate_up(Rounded<T>(Normals(12, 96 * kC)));
    const WeightToPack<T> to_pack{w, gain, packed, kRows, kC, 96};
    PackWeights<T>({&to_pack, 1}, nullptr);
    SwiGlu<T>(packed, 96, kC / 2, activation, nullptr);
    SwiGluGradient<T>(packed, 96, kC / 2, dgate_up, nullptr);
    return std::vector{Values(packed.Read()), Values(activation.Read()), Values(dgate_up.Read())};
  });
}

// Several blocks of keys, a copied slot, a row of nobody.
TYPED_TEST(Order, Decoding) {
  using T = TypeParam;
  constexpr int kTokens = 140, kCapacity = 150, kSlots = 2;
  const HeadShape shape{4, 2, 32};
  const size_t slot = 2 * kCapacity * 32;
  const auto x = Rounded<T>(Normals(13, kTokens * 8 * 32));
  const auto table = Normals(5, kTokens * 16), gain = Normals(6, 32);
  std::vector<int32_t> each;
  for (int i = 0; i < kTokens; ++i) each.push_back(i);
  ExpectSameInEveryOrder([&] {
    Device<T> qkv(x), qk(kTokens * 6 * 32), cached_keys(kSlots * slot),
        cached_values(kSlots * slot);
    Device<float> angles(table), gains(gain);
    Device<T> out(Rounded<T>(std::vector<float>(3 * 4 * 32)));
    const KvLayer<T> cache{cached_keys, cached_values, static_cast<int64_t>(slot), kCapacity};
    Device<int32_t> in_first{std::vector<int32_t>(kTokens)}, at(each);
    QkNormRope<T>(qkv, at, kTokens, gains, gains, angles, angles, 1e-6f, shape, qk, cache, in_first,
                  nullptr);
    CopySlot<T>(cache, 1, 0, shape, 0, 1, kTokens, nullptr);
    Device<int32_t> slots(std::vector<int32_t>{1, -1, 0}),
        positions(std::vector<int32_t>{kTokens - 1, 0, 70});
    AttentionDecode<T>(cache, shape, qk, slots, positions, 3, {}, {}, out, nullptr);
    return Results{Values(out.Read())};
  });
}

// Keys of a row that blocks share, and of a prefix that rows share.
TEST(OrderOfHalves, DecodingTogether) {
  constexpr int kTokens = 300, kCapacity = 520, kSlots = 3, kPrefix = 128;
  const HeadShape shape{4, 2, 32};
  const size_t slot = 2 * kCapacity * 32;
  const auto kept = Rounded<Bf16>(Normals(13, kSlots * slot));
  const auto queries = Rounded<Bf16>(Normals(14, kSlots * 6 * 32));
  const auto scratch = ScratchOfKeySplits(kSlots, shape, kCapacity);
  ExpectSameInEveryOrder([&] {
    Device<Bf16> keys(kept), values(kept), qk(queries), out(kSlots * 4 * 32);
    const KvLayer<Bf16> cache{keys, values, static_cast<int64_t>(slot), kCapacity};
    Device<int32_t> slots(std::vector<int32_t>{2, 0, 1}),
        positions(std::vector<int32_t>{kTokens - 1, 140, kCapacity - 1});
    Device<float> parts(static_cast<size_t>(scratch.part_floats));
    Device<int32_t> arrivals(std::vector<int32_t>(static_cast<size_t>(scratch.arrivals)));
    const KeySplits splits{NumKeySplits(kSlots, shape, kCapacity), parts, arrivals};
    AttentionDecode<Bf16>(cache, shape, qk, slots, positions, kSlots, {}, splits, out, nullptr);
    const auto apart = Values(out.Read());
    Device<int32_t> num_tiles(std::vector<int32_t>{1}), members(std::vector<int32_t>{0, 2});
    Device<PrefixTile> tiles(std::vector<PrefixTile>{{0, kPrefix, 0, 2}});
    Device<int32_t> num_keys(std::vector<int32_t>{kPrefix, 0, kPrefix}),
        rows(std::vector<int32_t>{1, 2, 0});
    Device<float> before(kSlots * 4 * PartFloats(32));
    const PrefixTables prefixes{num_tiles, tiles, members, num_keys, rows, before};
    AttentionPrefix(cache, shape, qk, prefixes, 1, nullptr);
    AttentionDecode<Bf16>(cache, shape, qk, slots, positions, kSlots, prefixes, splits, out,
                          nullptr);
    return Results{apart, Values(out.Read())};
  });
}

TEST(OrderOfFloats, OptimizersOps) {
  const auto w = Normals(15, kRows * kC), g = Normals(16, kRows * kC);
  ExpectSameInEveryOrder([&] {
    Device<float> weights(w), gradients(g), m(w), v(std::vector<float>(w.size(), 0.5f));
    Device<float> turned(w.size());
    const std::vector<Backend::AdamWRange> ranges = {{0, 4000, 0.1f}, {4000, kRows * kC - 4000, 0}};
    StepAdamW(weights, gradients, m, v, ranges,
              {.learning_rate = 0.1f,
               .beta1 = 0.9f,
               .beta2 = 0.99f,
               .epsilon = 1e-8f,
               .grad_scale = 0.5f,
               .step = 3},
              nullptr);
    Combine(0.5f, weights, 2.0f, m, kRows * kC, m, nullptr);
    Divide(v, kRows * kC, 3.0, nullptr);
    Transpose(m, kRows, kC, turned, nullptr);
    return std::vector{weights.Read(), gradients.Read(), m.Read(), v.Read(), turned.Read()};
  });
}

TEST(OrderOfFloats, AdvancedRows) {
  constexpr int kPlaces = 40, kWaiting = 9, kSteps = 3;
  CudaBackend backend(TinyConfig(), ComputeType::kFloat32, 0);
  const std::vector<int32_t> stops = {0, 5}, tokens = Indexes(17, kPlaces, 12);
  ExpectSameInEveryOrder([&] {
    std::vector<RowWindow::Row> rows;
    for (int i = 0; i < kPlaces + kWaiting; ++i) {
      rows.push_back({.task = static_cast<uint64_t>(i), .limit = 1 + i % 3, .slot = i});
    }
    RowWindow window(backend);
    window.Send(rows, kPlaces, kSteps, stops, {.run_seed = 1, .stream = RngStream::kSample});
    std::vector<float> results, uniforms(kPlaces);
    for (int step = 0; step < kSteps; ++step) {
      backend.Upload(window.tokens(), tokens.data(), tokens.size() * sizeof(int32_t));
      backend.AdvanceRows(window.table(), step);
      backend.Download(uniforms.data(), window.table().uniforms, kPlaces * sizeof(float));
      results.insert(results.end(), uniforms.begin(), uniforms.end());
    }
    for (const auto& drawn : window.Read()) {
      results.push_back(static_cast<float>(drawn.row));
      results.push_back(static_cast<float>(drawn.token));
    }
    for (const int32_t row : window.occupants()) results.push_back(static_cast<float>(row));
    return Results{results};
  });
}

// What is filled and counted to choose an algorithm.
TEST(OrderOfFloats, TrialsOfProducts) {
  const Gpu gpu(0);
  const auto space = NewSpace(gpu, {});
  cublasLtHandle_t handle = nullptr;
  CheckBlas(cublasLtCreate(&handle), "test");
  const MatmulShape shape{MatmulShape::Kind::kForward, 32, 64, 32, 64, true, false, false};
  ExpectSameInEveryOrder([&] {
    CudaMemory memory(*space, "test");
    MatmulTrial trial(handle, shape, kTrialRows, memory, gpu);
    std::vector<float> results;
    const auto algorithms = MatmulProduct(handle, shape).Propose(1);
    for (const MatmulAlgorithm& leader : algorithms) {
      trial.Expect(leader, kTrialRows);
      for (const MatmulAlgorithm& other : algorithms) {
        results.push_back(trial.GivesExpected(other, 100) ? 1.0f : 0.0f);
      }
    }
    return Results{results};
  });
  cublasLtDestroy(handle);
}

}  // namespace
}  // namespace agon::policy::cuda
