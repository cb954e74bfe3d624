#include "core/rng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <vector>

namespace agon {
namespace {

using Words = std::array<uint32_t, 4>;

// The philox4x32 10 lines of Random123's kat_vectors.
TEST(PhiloxTest, MatchesTheKnownAnswersOfRandom123) {
  EXPECT_EQ(Philox4x32({0, 0, 0, 0}, {0, 0}),
            (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const uint32_t ones = 0xffffffff;
  EXPECT_EQ(Philox4x32({ones, ones, ones, ones}, {ones, ones}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RngKeyTest, EveryFieldChangesTheWords) {
  const RngKey base{.run_seed = 7, .stream = RngStream::kSample, .step = 3, .task = 5, .sample = 2};
  std::set<Words> seen;
  seen.insert(base.Words(0));
  seen.insert(base.Words(1));
  seen.insert(base.WithStep(4).Words(0));
  seen.insert(base.WithStep(3 + (uint64_t{1} << 32)).Words(0));
  seen.insert(base.WithTask(6).Words(0));
  seen.insert(base.WithTask(5 + (uint64_t{1} << 32)).Words(0));
  seen.insert(base.WithSample(3).Words(0));
  RngKey key = base;
  key.stream = RngStream::kTask;
  seen.insert(key.Words(0));
  key = base;
  key.run_seed = 7 + (uint64_t{1} << 32);
  seen.insert(key.Words(0));
  EXPECT_EQ(seen.size(), 9u);
}

TEST(RngKeyTest, WithChangesOneFieldOnly) {
  const RngKey base{.run_seed = 7, .stream = RngStream::kData, .step = 3, .task = 5, .sample = 2};
  const RngKey key = base.WithStep(30).WithTask(50).WithSample(20);
  EXPECT_EQ(key.run_seed, 7u);
  EXPECT_EQ(key.stream, RngStream::kData);
  EXPECT_EQ(key.step, 30u);
  EXPECT_EQ(key.task, 50u);
  EXPECT_EQ(key.sample, 20u);
  EXPECT_EQ(key.WithStep(3).WithTask(5).WithSample(2).Words(9), base.Words(9));
}

TEST(RngKeyTest, UniformIsTheTopBitsOfTheFirstWord) {
  const RngKey key{.run_seed = 1};
  for (uint32_t position = 0; position < 100; ++position) {
    const float u = key.Uniform(position);
    EXPECT_GE(u, 0.0f);
    EXPECT_LT(u, 1.0f);
    EXPECT_EQ(static_cast<uint32_t>(u * 0x1p24f), key.Words(position)[0] >> 8);
  }
}

TEST(RngTest, ReadsTheWordsOfItsKeyInOrder) {
  const RngKey key{.run_seed = 42, .task = 9};
  Rng rng(key);
  for (uint32_t position = 0; position < 3; ++position) {
    for (uint32_t word : key.Words(position)) EXPECT_EQ(rng.Next32(), word);
  }
  Rng wide(key);
  const auto words = key.Words(0);
  EXPECT_EQ(wide.Next64(), words[0] | static_cast<uint64_t>(words[1]) << 32);
}

TEST(RngTest, ACopyContinuesTheSameSequence) {
  Rng rng(RngKey{.run_seed = 3});
  rng.Next32();
  Rng copy = rng;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(rng.Next32(), copy.Next32());
}

TEST(RngTest, UniformHasTheMomentsOfItsDistribution) {
  Rng rng(RngKey{.run_seed = 11});
  constexpr int kDraws = 100000;
  double sum = 0, sum_squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double u = rng.Uniform();
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    sum += u;
    sum_squares += u * u;
  }
  // Standard errors are 0.0009 and 0.0009; five of them.
  EXPECT_NEAR(sum / kDraws, 0.5, 0.005);
  EXPECT_NEAR(sum_squares / kDraws, 1.0 / 3, 0.005);
}

TEST(RngTest, NormalHasTheMomentsOfItsDistribution) {
  Rng rng(RngKey{.run_seed = 12});
  constexpr int kDraws = 100000;
  double sum = 0, sum_squares = 0, sum_fourth = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = rng.Normal();
    ASSERT_TRUE(std::isfinite(x));
    sum += x;
    sum_squares += x * x;
    sum_fourth += x * x * x * x;
  }
  // Standard errors: 1, sqrt(2) and sqrt(96), over sqrt(100000); five of them.
  EXPECT_NEAR(sum / kDraws, 0.0, 0.016);
  EXPECT_NEAR(sum_squares / kDraws, 1.0, 0.023);
  EXPECT_NEAR(sum_fourth / kDraws, 3.0, 0.16);
}

TEST(RngTest, BelowIsUniform) {
  Rng rng(RngKey{.run_seed = 13});
  constexpr int kSides = 6, kThrows = 60000;
  std::array<int, kSides> counts{};
  for (int i = 0; i < kThrows; ++i) ++counts.at(rng.Below(kSides));
  double chi_square = 0;
  for (int count : counts) {
    const double difference = count - kThrows / kSides;
    chi_square += difference * difference / (kThrows / kSides);
  }
  EXPECT_LT(chi_square, 20.5);  // the 0.999 quantile with 5 degrees of freedom
}

TEST(RngTest, BelowHandlesTheExtremes) {
  Rng rng(RngKey{.run_seed = 14});
  const uint64_t huge = (uint64_t{1} << 63) + 1;
  bool in_upper_half = false;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(rng.Below(1), 0u);
    const uint64_t x = rng.Below(huge);
    EXPECT_LT(x, huge);
    in_upper_half |= x > huge / 2;
  }
  EXPECT_TRUE(in_upper_half);
  EXPECT_DEATH(rng.Below(0), "n > 0");
}

TEST(RngTest, BetweenIncludesBothEnds) {
  Rng rng(RngKey{.run_seed = 15});
  std::map<int64_t, int> counts;
  for (int i = 0; i < 1000; ++i) ++counts[rng.Between(-2, 2)];
  EXPECT_EQ(counts.size(), 5u);
  EXPECT_EQ(counts.begin()->first, -2);
  EXPECT_EQ(counts.rbegin()->first, 2);
  EXPECT_EQ(rng.Between(5, 5), 5);
  EXPECT_DEATH(rng.Between(2, 1), "low <= high");
}

TEST(RngTest, BetweenCoversTheWholeRange) {
  using Limits = std::numeric_limits<int64_t>;
  Rng rng(RngKey{.run_seed = 16});
  bool negative = false, positive = false;
  for (int i = 0; i < 64; ++i) {
    const int64_t x = rng.Between(Limits::min(), Limits::max());
    negative |= x < 0;
    positive |= x > 0;
    EXPECT_GE(rng.Between(Limits::max() - 1, Limits::max()), Limits::max() - 1);
    EXPECT_GE(rng.Between(-1, Limits::max()), -1);
  }
  EXPECT_TRUE(negative);
  EXPECT_TRUE(positive);
}

TEST(RngTest, ShuffleIsAPermutationThatDependsOnTheKeyOnly) {
  std::vector<int> items(50);
  std::iota(items.begin(), items.end(), 0);
  std::vector<int> first = items, second = items, other = items;
  Rng(RngKey{.run_seed = 17}).Shuffle(first);
  Rng(RngKey{.run_seed = 17}).Shuffle(second);
  Rng(RngKey{.run_seed = 18}).Shuffle(other);
  EXPECT_EQ(first, second);
  EXPECT_NE(first, other);
  EXPECT_NE(first, items);
  EXPECT_TRUE(std::is_permutation(first.begin(), first.end(), items.begin()));
}

TEST(RngTest, ShuffleReachesEveryOrderAlike) {
  std::map<std::vector<int>, int> counts;
  Rng rng(RngKey{.run_seed = 19});
  for (int i = 0; i < 6000; ++i) {
    std::vector<int> items{0, 1, 2};
    rng.Shuffle(items);
    ++counts[items];
  }
  ASSERT_EQ(counts.size(), 6u);
  for (const auto& [order, count] : counts) EXPECT_NEAR(count, 1000, 150);  // five sigma
  std::vector<int> empty;
  rng.Shuffle(empty);
  EXPECT_TRUE(empty.empty());
}

// Published vectors of 64-bit FNV-1a.
TEST(Hash64Test, MatchesPublishedVectors) {
  EXPECT_EQ(Hash64(""), 0xcbf29ce484222325u);
  EXPECT_EQ(Hash64("a"), 0xaf63dc4c8601ec8cu);
  EXPECT_EQ(Hash64("foobar"), 0x85944171f73967e8u);
}

TEST(Hash64Test, ChainsThroughItsSeed) {
  EXPECT_EQ(Hash64("bar", Hash64("foo")), Hash64("foobar"));
  EXPECT_NE(Hash64(std::string_view("\0", 1)), Hash64(""));
  EXPECT_NE(Hash64("\xff"), Hash64("\x7f"));
}

}  // namespace
}  // namespace agon
