#include "core/quantiles.h"

#include <gtest/gtest.h>

#include <cmath>

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

TEST(QuantilesTest, TailsStayPreciseFarOut) {
  // Student's t with one degree of freedom is Cauchy: P(T > t) = 1/2 - atan(t)/pi.
  EXPECT_NEAR(StudentTail(1, 1), 0.25, 1e-14);
  EXPECT_NEAR(StudentTail(0, 7), 0.5, 1e-14);
  EXPECT_NEAR(StudentTail(1e8, 1) * 3.14159265358979e8, 1, 1e-9);
  // With two: P(T > t) = (1 - t / sqrt(2 + t^2)) / 2.
  EXPECT_NEAR(StudentTail(3, 2), (1 - 3 / std::sqrt(11.0)) / 2, 1e-14);
}

}  // namespace
}  // namespace agon
