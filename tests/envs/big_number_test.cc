#include <gtest/gtest.h>

#include <string>

#include "core/rng.h"
#include "envs/math/big_rational.h"

namespace agon::envs {
namespace {

BigInteger Int(std::string_view digits, int base = 10) {
  return BigInteger::FromDigits(digits, base).value();
}
BigRational Frac(int64_t numerator, int64_t denominator) {
  return BigRational::Fraction(numerator, denominator).value();
}

TEST(BigIntegerTest, ReadsAndWritesDigits) {
  const std::string digits = "123456789012345678901234567890123456789";
  EXPECT_EQ(Int(digits).ToString(), digits);
  EXPECT_EQ(Int("000"), BigInteger(0));
  EXPECT_EQ(Int("204", 5), BigInteger(54));
  EXPECT_EQ(Int("ff", 16), Int("FF", 16));
  EXPECT_EQ(Int("ff", 16), BigInteger(255));
  EXPECT_EQ(Int(std::string(300, '1'), 2) + 1, BigInteger(1).ShiftedLeft(300));
  for (const char* bad : {"", "-1", "+1", "1 2", "1.5", "a"}) {
    EXPECT_FALSE(BigInteger::FromDigits(bad)) << bad;
  }
  EXPECT_FALSE(BigInteger::FromDigits("5", 5));
}

TEST(BigIntegerTest, KnownBigValues) {
  EXPECT_EQ(BigInteger(2).Power(100).ToString(), "1267650600228229401496703205376");
  EXPECT_EQ(BigInteger::Factorial(25).ToString(), "15511210043330985984000000");
  EXPECT_EQ(BigInteger::Factorial(0), BigInteger(1));
  EXPECT_EQ(BigInteger::Factorial(1), BigInteger(1));
  EXPECT_EQ(BigInteger::Factorial(2006) / BigInteger::Factorial(2004), BigInteger(2005 * 2006));
  EXPECT_EQ(BigInteger::Factorial(2004).Bits(), 19097u);
}

TEST(BigIntegerTest, AgreesWithMachineIntegers) {
  Rng rng({1, RngStream::kTest, 0, 0, 0});
  for (int i = 0; i < 3000; ++i) {
    const int64_t a = rng.Between(-2000000000, 2000000000), b = rng.Between(-70000, 70000);
    EXPECT_EQ((BigInteger(a) + b).ToInt64(), a + b);
    EXPECT_EQ((BigInteger(a) - b).ToInt64(), a - b);
    EXPECT_EQ((BigInteger(a) * b).ToInt64(), a * b);
    EXPECT_EQ(BigInteger(a) < BigInteger(b), a < b);
    if (b == 0) continue;
    EXPECT_EQ((BigInteger(a) / b).ToInt64(), a / b);
    EXPECT_EQ((BigInteger(a) % b).ToInt64(), a % b);
  }
}

TEST(BigIntegerTest, ShiftsRoundTowardsZero) {
  EXPECT_EQ(BigInteger(-5).ShiftedRight(1), BigInteger(-2));
  EXPECT_EQ(BigInteger(5).ShiftedRight(1), BigInteger(2));
  EXPECT_EQ(BigInteger(-5).ShiftedLeft(70).ShiftedRight(70), BigInteger(-5));
}

TEST(BigIntegerTest, RootsAreFloors) {
  for (const unsigned degree : {1u, 2u, 3u, 5u}) {
    for (int64_t n = 0; n < 300; ++n) {
      const BigInteger root = BigInteger(n).Root(degree);
      EXPECT_LE(root.Power(degree), BigInteger(n)) << n << " " << degree;
      EXPECT_GT((root + 1).Power(degree), BigInteger(n)) << n << " " << degree;
    }
    const BigInteger big = BigInteger(10).Power(200);
    EXPECT_EQ(big.Power(degree).Root(degree), big);
    EXPECT_EQ((big.Power(degree) - 1).Root(degree), degree == 1 ? big - 1 : big - 1);
  }
}

TEST(BigIntegerTest, CopiesAreApart) {
  BigInteger a = BigInteger(7).Power(200), b = a;
  b = b + 1;
  EXPECT_EQ(b - a, BigInteger(1));
  BigInteger c = std::move(b);
  b = c;
  EXPECT_EQ(b, a + 1);
  b = *&b;
  EXPECT_EQ(b, c);
}

TEST(BigRationalTest, IsReducedWithAPositiveDenominator) {
  EXPECT_EQ(Frac(6, -4), Frac(-3, 2));
  EXPECT_EQ(Frac(0, -5), BigRational(0));
  EXPECT_FALSE(BigRational::Fraction(1, 0));
  EXPECT_EQ(Frac(-6, 4).ToString(), "-3/2");
  EXPECT_EQ(Frac(8, 4).ToString(), "2");
}

TEST(BigRationalTest, FieldOperations) {
  EXPECT_EQ(Add(Frac(1, 2), Frac(1, 3)), Frac(5, 6));
  EXPECT_EQ(Multiply(Frac(2, 3), Frac(3, 4)), Frac(1, 2));
  EXPECT_EQ(Divide(Frac(2, 3), Frac(-4, 3)), Frac(-1, 2));
  EXPECT_FALSE(Divide(BigRational(1), BigRational(0)));
  EXPECT_LT(Frac(911, 100), Frac(99, 10));
  EXPECT_LT(Frac(-1, 2), Frac(-1, 3));
}

TEST(BigRationalTest, Powers) {
  EXPECT_EQ(Power(Frac(-2, 3), 3), Frac(-8, 27));
  EXPECT_EQ(Power(Frac(-2, 3), -3), Frac(-27, 8));
  EXPECT_EQ(Power(Frac(-2, 3), -2), Frac(9, 4));
  EXPECT_EQ(Power(0, 0), BigRational(1));
  EXPECT_FALSE(Power(0, -1));
  EXPECT_EQ(Power(-1, 1000000000000001), BigRational(-1));
  EXPECT_EQ(Power(1, INT64_MIN), BigRational(1));
  EXPECT_FALSE(Power(2, INT64_MIN));
  EXPECT_FALSE(Power(9, 387420489)) << "9**9**9";
  EXPECT_FALSE(Power(10, 10000000000));
}

TEST(BigRationalTest, TinyNumbersStayApart) {
  const auto inverse = [](int n) {
    return *Divide(BigRational(1), BigRational(BigInteger::Factorial(n)));
  };
  EXPECT_FALSE(inverse(2004) == inverse(2006));
  EXPECT_TRUE(inverse(2004) == inverse(2004));
  EXPECT_FALSE(Power(2, -99) == Power(2, -98));
}

TEST(BigRationalTest, TooLargeIsAbsent) {
  const BigRational big(BigInteger(1).ShiftedLeft(kMaxNumberBits - 1));
  EXPECT_FALSE(Add(big, big));
  EXPECT_FALSE(Multiply(big, 2));
  EXPECT_TRUE(Multiply(big, Frac(1, 2)));
}

}  // namespace
}  // namespace agon::envs
