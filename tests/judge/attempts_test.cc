#include "judge/attempts.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace agon::judge {
namespace {

TEST(PassAtKTest, GoldenValues) {
  // n=10, c=3, k=5: 1 - C(7,5)/C(10,5) = 1 - 21/252 = 11/12.
  EXPECT_NEAR(PassAtK(10, 3, 5), 11.0 / 12, 1e-15);
  // n=4, c=1, k=2: 1 - C(3,2)/C(4,2) = 1 - 3/6.
  EXPECT_DOUBLE_EQ(PassAtK(4, 1, 2), 0.5);
  // Chen et al., 200 samples: prod_{i=191..200} (1 - 10/i) = 0.59145213.
  EXPECT_NEAR(PassAtK(200, 10, 10), 0.40854787, 1e-8);
}

TEST(PassAtKTest, OneSampleIsTheShareAndEdgesAreExact) {
  for (int c = 0; c <= 7; ++c) EXPECT_NEAR(PassAtK(7, c, 1), c / 7.0, 1e-15);
  EXPECT_EQ(PassAtK(5, 0, 5), 0);
  EXPECT_EQ(PassAtK(5, 1, 5), 1);  // any choice of all five holds the right one
  EXPECT_EQ(PassAtK(5, 3, 3), 1);  // only two are wrong
  EXPECT_TRUE(std::isnan(PassAtK(3, 3, 4)));
}

TEST(PassAtKTest, IsStableForManySamples) {
  EXPECT_NEAR(PassAtK(100000, 1, 50000), 0.5, 1e-9);
  EXPECT_GT(PassAtK(1000000, 3, 1), 0);
}

TEST(PassHatKTest, ByHand) {
  // C(3, 2) / C(4, 2) = 3/6; C(9, 4) / C(10, 4) = 126/210.
  EXPECT_DOUBLE_EQ(PassHatK(4, 3, 2), 0.5);
  EXPECT_NEAR(PassHatK(10, 9, 4), 0.6, 1e-15);
  for (int c = 0; c <= 7; ++c) EXPECT_NEAR(PassHatK(7, c, 1), c / 7.0, 1e-15);
  EXPECT_EQ(PassHatK(5, 5, 5), 1);
  EXPECT_EQ(PassHatK(5, 4, 5), 0);
  EXPECT_EQ(PassHatK(5, 1, 3), 0);
  EXPECT_TRUE(std::isnan(PassHatK(3, 3, 4)));
}

TEST(PassHatKTest, IsTheMirrorOfPassAtK) {
  // All of k right is not at least one of k wrong.
  for (int c = 0; c <= 8; ++c) EXPECT_NEAR(PassHatK(8, c, 3), 1 - PassAtK(8, 8 - c, 3), 1e-15);
}

double Majority(std::vector<Vote> votes) { return MajorityAtN(votes); }

TEST(MajorityTest, TheMostFrequentAnswerDecides) {
  EXPECT_EQ(Majority({{"4", true}, {"4", true}, {"5", false}}), 1);
  EXPECT_EQ(Majority({{"4", true}, {"5", false}, {"5", false}}), 0);
  // Silence isn't a vote, and answers spelled otherwise are others.
  EXPECT_EQ(Majority({{"", false}, {"", false}, {"4", true}}), 1);
  EXPECT_EQ(Majority({{"4.0", true}, {"4", true}, {"5", false}, {"5", false}}), 0);
}

TEST(MajorityTest, TiesAreDecidedByChance) {
  EXPECT_DOUBLE_EQ(Majority({{"4", true}, {"5", false}}), 0.5);
  EXPECT_DOUBLE_EQ(Majority({{"4", true}, {"5", false}, {"6", false}}), 1.0 / 3);
  EXPECT_DOUBLE_EQ(Majority({{"f", true}, {"f", false}}), 0.5);
  EXPECT_EQ(Majority({}), 0);
  EXPECT_EQ(Majority({{"", false}}), 0);
}

}  // namespace
}  // namespace agon::judge
