#include "core/quantiles.h"

#include <gtest/gtest.h>

namespace agon {
namespace {

TEST(QuantilesTest, MatchTables) {
  EXPECT_NEAR(NormalQuantile(0.975), 1.959963984540054, 1e-12);
  EXPECT_NEAR(NormalQuantile(0.5), 0, 1e-12);
  EXPECT_NEAR(NormalQuantile(0.025), -1.959963984540054, 1e-12);
  // Two-sided 5 % points of Student's t.
  EXPECT_NEAR(StudentQuantile(0.975, 1), 12.7062047, 1e-6);
  EXPECT_NEAR(StudentQuantile(0.975, 2), 4.3026527, 1e-6);
  EXPECT_NEAR(StudentQuantile(0.975, 10), 2.2281389, 1e-6);
  EXPECT_NEAR(StudentQuantile(0.025, 30), -2.0422725, 1e-6);
  EXPECT_NEAR(StudentQuantile(0.975, 499), 1.9647294, 1e-6);
}

}  // namespace
}  // namespace agon
