// Steps that ranks take together: shares, exchanges, sums in a fixed order.
#include "policy/shared_step.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/policy/tiny_policy.h"
#include "tests/trainer/thread_ranks.h"

namespace agon::policy {
namespace {

using trainer::ThreadRanks;

bool Nothing(const TensorSpec&) { return false; }
bool Matrices(const TensorSpec& tensor) { return tensor.IsMatrix(); }

TEST(CutShares, CoverTheArenaInOrder) {
  const WeightLayout layout(TinyConfig());
  for (const int parts : {1, 2, 3, 4, 7, 64}) {
    for (const auto& stays_whole : {Nothing, Matrices}) {
      const auto shares = CutShares(layout, parts, stays_whole);
      ASSERT_EQ(shares.size(), static_cast<size_t>(parts));
      int64_t next = 0;
      for (const Share& share : shares) {
        EXPECT_EQ(share.begin, next);
        EXPECT_LE(share.begin, share.end);
        next = share.end;
      }
      EXPECT_EQ(next, layout.size());
    }
  }
}

TEST(CutShares, WholeTensorsAreNotCut) {
  const WeightLayout layout(TinyConfig());
  for (const int parts : {2, 3, 4, 7}) {
    for (const Share& share : CutShares(layout, parts, Matrices)) {
      for (const TensorSpec& tensor : layout.tensors()) {
        const bool is_cut =
            tensor.offset < share.begin && share.begin < tensor.offset + tensor.size;
        EXPECT_FALSE(is_cut && tensor.IsMatrix()) << tensor.name;
      }
    }
  }
}

TEST(CutShares, AreEqualUpToAChunkOrHalfATensor) {
  const WeightLayout layout(PresetConfig("mini", 4096, 512));
  int64_t largest = 0;
  for (const TensorSpec& tensor : layout.tensors()) largest = std::max(largest, tensor.size);
  for (const int parts : {2, 4, 8}) {
    const int64_t even = layout.size() / parts;
    for (const Share& share : CutShares(layout, parts, Nothing)) {
      EXPECT_NEAR(share.size(), even, kSquaresPerSum) << parts;
    }
    for (const Share& share : CutShares(layout, parts, Matrices)) {
      EXPECT_NEAR(share.size(), even, largest + kSquaresPerSum) << parts;
    }
  }
}

TEST(HostExchange, EachGetsWhatTheOthersSentWhateverThePieces) {
  for (const int64_t floats : {1, 10, 1000}) {
    ThreadRanks(3).Run([&](Communicator& ranks) {
      const auto backend = NewCpuBackend(TinyConfig(), ComputeType::kFloat32);
      const auto exchange = MakeHostExchange(*backend, ranks, "", floats);
      // Rank r sends 10 r + s numbers, all 100 r + s, to rank s.
      const auto count = [](int from, int to) { return static_cast<size_t>(10 * from + to); };
      std::vector<std::vector<float>> out(3), in(3);
      std::vector<std::span<const float>> sent;
      std::vector<std::span<float>> received;
      for (int r = 0; r < 3; ++r) {
        const auto i = static_cast<size_t>(r);
        out[i].assign(count(ranks.rank(), r), static_cast<float>(100 * ranks.rank() + r));
        in[i].assign(count(r, ranks.rank()), -1.0f);
        sent.emplace_back(out[i]);
        received.emplace_back(in[i]);
      }
      exchange->Run(sent, received);
      for (int r = 0; r < 3; ++r) {
        const float expected =
            r == ranks.rank() ? -1.0f : static_cast<float>(100 * r + ranks.rank());
        for (const float x : in[static_cast<size_t>(r)]) ASSERT_EQ(x, expected) << r;
      }
    });
  }
}

// The gradient of a shard: of magnitudes so different that the order of a sum shows in its bits.
std::vector<float> Shard(const WeightLayout& layout, uint64_t shard) {
  Rng rng({.run_seed = 4, .stream = RngStream::kTest, .task = shard});
  std::vector<float> values(static_cast<size_t>(layout.size()));
  for (float& v : values) v = static_cast<float>(rng.Normal() * std::exp(4 * rng.Normal()));
  return values;
}

void Write(const std::vector<float>& values, DeviceFloats& floats) {
  std::ranges::copy(values, floats.HostToFill().begin());
  floats.WriteBack();
}

TEST(SharedStep, SumsGoInTheOrderOfShardsOnAnyNumberOfRanks) {
  constexpr int kShards = 4;
  const WeightLayout layout(TinyConfig());
  std::vector<float> expected(static_cast<size_t>(layout.size()));
  std::vector<std::vector<float>> shards;
  for (uint64_t s = 0; s < kShards; ++s) {
    shards.push_back(Shard(layout, s));
    for (size_t i = 0; i < expected.size(); ++i) expected[i] += shards[s][i];
  }
  double norm = 0;
  for (const int num_ranks : {1, 2, 4}) {
    for (const int64_t received_floats : {4000, 1 << 20}) {
      for (const auto& stays_whole : {Nothing, Matrices}) {
        ThreadRanks(num_ranks).Run([&](Communicator& ranks) {
          const auto backend = NewCpuBackend(TinyConfig(), ComputeType::kFloat32);
          SharedStep step(layout, stays_whole, *backend, ranks, received_floats);
          DeviceFloats gradients(*backend, "gradients", layout.size());
          for (int s = ranks.rank(); s < kShards; s += num_ranks) {
            Write(shards[static_cast<size_t>(s)], gradients);
            step.AddShard(gradients, s + num_ranks >= kShards);
          }
          const double squares = step.SumOfSquares(gradients);
          if (num_ranks == 1) norm = squares;
          EXPECT_EQ(squares, norm) << num_ranks;
          const auto sum = gradients.Host();
          for (int64_t i = 0; i < layout.size(); ++i) {
            const auto at = static_cast<size_t>(i);
            const bool is_mine = step.share().begin <= i && i < step.share().end;
            ASSERT_EQ(sum[at], is_mine ? expected[at] : 0.0f) << i;
          }
        });
      }
    }
  }
  EXPECT_GT(norm, 0);
}

TEST(SharedStep, WeightsComeFromWhoStepsThemAndMomentsGoToTheLeader) {
  const WeightLayout layout(TinyConfig());
  for (const int64_t received_floats : {4000, 1 << 20}) {
    ThreadRanks(4).Run([&](Communicator& ranks) {
      const auto backend = NewCpuBackend(TinyConfig(), ComputeType::kFloat32);
      SharedStep step(layout, Matrices, *backend, ranks, received_floats);
      const Share share = step.share();
      DeviceFloats weights(*backend, "weights", layout.size());
      DeviceFloats moments(*backend, "moments", share.size());
      for (int64_t i = share.begin; i < share.end; ++i) {
        weights.Host()[static_cast<size_t>(i)] = static_cast<float>(i);
        moments.Host()[static_cast<size_t>(i - share.begin)] = static_cast<float>(-i);
      }
      step.GatherWeights(weights);
      std::vector<float> whole(ranks.is_leader() ? static_cast<size_t>(layout.size()) : 0);
      step.Collect(moments, whole);
      for (int64_t i = 0; i < layout.size(); ++i) {
        ASSERT_EQ(weights.Host()[static_cast<size_t>(i)], static_cast<float>(i));
        if (!ranks.is_leader()) continue;
        ASSERT_EQ(whole[static_cast<size_t>(i)], static_cast<float>(-i));
      }
    });
  }
}

}  // namespace
}  // namespace agon::policy
