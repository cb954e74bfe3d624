// Kernels in other orders of their threads and blocks: the same bits.
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "policy/cuda/kernels.h"
#include "tests/cuda/device_arrays.h"
#include "tests/cuda_emulator/thread_order.h"

namespace agon::policy::cuda {
namespace {

// The bits of `run`'s results in order 0 and in shuffled ones.
void ExpectSameInEveryOrder(const std::function<std::vector<std::vector<float>>()>& run) {
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

TEST(Order, RowsAndSums) {
  const auto x = Normals(1, kRows * kC), d = Normals(2, kRows * kC);
  const auto ids = Indexes(3, kRows, 9);
  ExpectSameInEveryOrder([&] {
    Device<float> dx(x), dxhat(d), rstd(kRows), table(x), partial(2 * kC), dgain(d), dw(x.size());
    Device<Bf16> xhat(x.size()), rounded(x.size());
    Device<int32_t> rows(ids), order(static_cast<size_t>(RowOrderInts(kRows)));
    RmsNorm<Bf16>(dx, kRows, kC, 1e-6f, xhat, rstd, nullptr);
    RmsNormGradient<Bf16>(dxhat, xhat, rstd, kRows, kC, dx, rounded, nullptr);
    ScatterAddRows(dxhat, rows, kRows, kC, table, order, nullptr);
    UnfoldGain(dxhat, table, dgain, kRows, kC, false, dw, dgain, partial, nullptr);
    Device<double> sum(1);
    SumsOfSquares(dw, kRows * kC, sum, nullptr);
    return std::vector{dx.Read(),    Values(rounded.Read()),
                       table.Read(), dgain.Read(),
                       dw.Read(),    std::vector{static_cast<float>(sum.Read()[0])}};
  });
}

TEST(Order, Heads) {
  const HeadShape shape{4, 2, 32};
  const std::vector<PackedBatch::Segment> segments = {{0, 40, 0, 0}, {40, 35, 0, 40}};
  const auto x = Rounded<Bf16>(Normals(4, kRows * 8 * 32));
  const auto table = Normals(5, 512 * 16);
  const auto gain = Normals(6, 32);
  ExpectSameInEveryOrder([&] {
    Device<Bf16> qkv(x), qk(kRows * 6 * 32), out(kRows * 4 * 32), dqkv(x.size());
    Device<int32_t> positions(Indexes(7, kRows, 512));
    Device<float> angles(table), gains(gain), dq_gain(gain), dk_gain(gain);
    Device<float> lse(kRows * 4), delta(kRows * 4), dqk(kRows * 6 * 32), dv(kRows * 2 * 32);
    QkNormRope<Bf16>(qkv, positions, kRows, gains, gains, angles, angles, 1e-6f, shape, qk,
                     nullptr);
    const KeyTiles key_tiles = MakeKeyTiles(segments);
    const auto tiles = MakeAttentionTiles(segments, shape);
    Device<AttentionTile> device_tiles(tiles);
    Device<KeyTile> device_key_tiles(key_tiles.tiles);
    Device<QueryRange> ranges(key_tiles.ranges);
    Attention<Bf16>(device_tiles, static_cast<int>(tiles.size()), shape, qk, qkv, out, lse,
                    nullptr);
    AttentionGradient<Bf16>(device_tiles, static_cast<int>(tiles.size()), device_key_tiles,
                            static_cast<int>(key_tiles.tiles.size()), ranges, shape, qk, qkv, out,
                            lse, out, kRows, delta, dqk, dv, nullptr);
    Device<float> partials(static_cast<size_t>(QkNormRopePartials(kRows, shape)));
    QkNormRopeGradient<Bf16>(qkv, positions, kRows, gains, gains, angles, angles, 1e-6f, shape, dqk,
                             dv, dqkv, dq_gain, dk_gain, partials, nullptr);
    return std::vector{Values(out.Read()),  lse.Read(),     dqk.Read(),    dv.Read(),
                       Values(dqkv.Read()), dq_gain.Read(), dk_gain.Read()};
  });
}

TEST(Order, Vocabulary) {
  constexpr int kV = 300, kStride = 320, kFew = 12;
  const auto x = Normals(8, kFew * kStride, 2.0);
  ExpectSameInEveryOrder([&] {
    Device<float> logits(x), logprobs(kFew), entropies(kFew), d(Normals(9, kFew)), u(kFew);
    Device<Bf16> dlogits(x.size());
    Device<int32_t> tokens(kFew);
    Expect(cudaMemset(u, 0, kFew * sizeof(float)));
    SampleLogits(logits, kFew, kV, kStride, 0.9f, 20, 0.8f, u, tokens, logprobs, nullptr);
    const auto sampled = logprobs.Read();
    ScoreLogits<Bf16>(logits, kFew, kV, kStride, 0.9f, tokens, logprobs, entropies, d, dlogits,
                      nullptr);
    EXPECT_TRUE(SameBits(logprobs.Read(), sampled));
    return std::vector{sampled, entropies.Read(), Values(dlogits.Read())};
  });
}

}  // namespace
}  // namespace agon::policy::cuda
