#include "envs/math/rational.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "core/rng.h"

namespace agon::envs {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kMin = std::numeric_limits<int64_t>::min();

Rational Of(int64_t numerator, int64_t denominator = 1) {
  return Rational::Fraction(numerator, denominator).value();
}

TEST(RationalTest, IsReducedWithAPositiveDenominator) {
  EXPECT_EQ(Of(6, 4), Of(3, 2));
  EXPECT_EQ(Of(6, -4), Of(-3, 2));
  EXPECT_EQ(Of(-6, -4), Of(3, 2));
  EXPECT_EQ(Of(0, -7), Of(0));
  EXPECT_EQ(Of(0, 7).denominator(), 1);
  EXPECT_FALSE(Rational::Fraction(1, 0));
  EXPECT_FALSE(Rational::Fraction(0, 0));
  EXPECT_TRUE(Of(8, 4).IsInteger());
  EXPECT_FALSE(Of(8, 3).IsInteger());
}

TEST(RationalTest, ExtremesAreExactOrRefused) {
  EXPECT_EQ(Rational::Fraction(kMin, 2), Of(kMin / 2));
  EXPECT_FALSE(Rational::Fraction(kMin, 1)) << "its negation doesn't fit";
  EXPECT_FALSE(Rational::Fraction(1, kMin));
  EXPECT_EQ(Rational::Fraction(kMax, kMax), Of(1));
  EXPECT_EQ(Rational::Fraction(-kMax, 1)->numerator(), -kMax);
}

TEST(RationalTest, FieldOperations) {
  EXPECT_EQ(Add(Of(1, 2), Of(1, 3)), Of(5, 6));
  EXPECT_EQ(Subtract(Of(1, 2), Of(1, 3)), Of(1, 6));
  EXPECT_EQ(Multiply(Of(2, 3), Of(3, 4)), Of(1, 2));
  EXPECT_EQ(Divide(Of(2, 3), Of(-4, 3)), Of(-1, 2));
  EXPECT_FALSE(Divide(Of(1), Of(0)));
}

TEST(RationalTest, OverflowIsAbsentNeverWrapped) {
  EXPECT_FALSE(Add(Of(kMax), Of(1)));
  EXPECT_FALSE(Subtract(Of(-kMax), Of(1)));
  EXPECT_FALSE(Multiply(Of(kMax), Of(2)));
  EXPECT_FALSE(Divide(Of(1, kMax), Of(2)));
  EXPECT_EQ(Multiply(Of(kMax), Of(1, kMax)), Of(1)) << "reduced before it is measured";
  EXPECT_FALSE(Add(Of(kMax, kMax - 1), Of(kMax - 2, kMax)));
}

TEST(RationalTest, AgreesWithFloatingPointOnRandomSmallFractions) {
  Rng rng({1, RngStream::kTest, 0, 0, 0});
  for (int i = 0; i < 2000; ++i) {
    const int64_t p = rng.Between(-50, 50), q = rng.Between(1, 50);
    const int64_t r = rng.Between(-50, 50), s = rng.Between(1, 50);
    const double x = static_cast<double>(p) / static_cast<double>(q);
    const double y = static_cast<double>(r) / static_cast<double>(s);
    const Rational sum = Add(Of(p, q), Of(r, s)).value();
    EXPECT_NEAR(static_cast<double>(sum.numerator()) / static_cast<double>(sum.denominator()),
                x + y, 1e-12);
    EXPECT_EQ(Of(p, q) < Of(r, s), p * s < r * q);
    EXPECT_EQ(Subtract(sum, Of(r, s)), Of(p, q));
    if (r != 0) {
      EXPECT_EQ(Multiply(Divide(Of(p, q), Of(r, s)).value(), Of(r, s)), Of(p, q));
    }
  }
}

TEST(RationalTest, OrderIsExact) {
  EXPECT_LT(Of(911, 100), Of(99, 10)) << "9.11 is smaller than 9.9";
  EXPECT_LT(Of(333, 1000), Of(1, 3));
  EXPECT_LT(Of(-1, 2), Of(-1, 3));
  EXPECT_FALSE(Of(kMax, kMax - 1) < Of(kMax, kMax - 1));
  EXPECT_LT(Of(kMax - 1, kMax), Of(kMax, kMax - 1));
}

TEST(RationalTest, IsWrittenAsAPersonWould) {
  EXPECT_EQ(Of(42).ToString(), "42");
  EXPECT_EQ(Of(-3).ToString(), "-3");
  EXPECT_EQ(Of(911, 100).ToString(), "9.11");
  EXPECT_EQ(Of(1, 2).ToString(), "0.5");
  EXPECT_EQ(Of(-1, 20).ToString(), "-0.05");
  EXPECT_EQ(Of(1, 3).ToString(), "1/3");
  EXPECT_EQ(Of(1, 8).ToString(), "0.125");
  EXPECT_EQ(Of(kMax, 2).ToString(), std::to_string(kMax) + "/2") << "its decimals don't fit";
}

TEST(RationalTest, WrittenNumbersReadBack) {
  Rng rng({2, RngStream::kTest, 0, 0, 0});
  for (int i = 0; i < 2000; ++i) {
    const Rational value = Of(rng.Between(-100000, 100000), rng.Between(1, 2000));
    EXPECT_EQ(ParseNumber(value.ToString()), value) << value.ToString();
  }
}

struct Reading {
  const char* text;
  int64_t numerator, denominator;
};

TEST(ParseNumberTest, ReadsWhatPeopleWrite) {
  const Reading readings[] = {
      {"42", 42, 1},
      {"-7", -7, 1},
      {"+3", 3, 1},
      {"0", 0, 1},
      {"007", 7, 1},
      {" 5 ", 5, 1},
      {"9.11", 911, 100},
      {".4", 2, 5},
      {"1000.0", 1000, 1},
      {"3/4", 3, 4},
      {"-6/4", -3, 2},
      {"1,234", 1234, 1},
      {"7,425,000", 7425000, 1},
      {"1,234.5", 2469, 2},
      {"$13", 13, 1},
      {"-$2", -2, 1},
      {"$-2", -2, 1},
      {"13.", 13, 1},
      {"2.50.", 5, 2},
      {"5 apples", 5, 1},
      {"5 apples.", 5, 1},
      {"12 red apples", 12, 1},
      {"$13 dollars", 13, 1},
      {"-0", 0, 1},
      {"999999999999999999", 999999999999999999, 1},
      {"5 oranges", 5, 1},
      {"10\r\n", 10, 1},
  };
  for (const Reading& reading : readings) {
    EXPECT_EQ(ParseNumber(reading.text), Of(reading.numerator, reading.denominator))
        << reading.text;
  }
}

TEST(ParseNumberTest, RefusesHedgesAndNonsense) {
  const std::string texts[] = {
      "",           " ",
      "-",          "$",
      ".",          "..5",
      "five",       "3 or 4",
      "3 4",        "3, 4",
      "3,4",        "12,34",
      "1,2345",     "1,234,5",
      "3 and 4",    "5 or",
      "5 million",  "5 percent",
      "50%",        "3.2e5",
      "1e5",        "5apples",
      "--5",        "+-5",
      "$$5",        "1.2.3",
      "1/2/3",      "1/0",
      "1/",         "/2",
      "5 not 4",    "5 (or 6)",
      "5 = 5",      "1000,99",
      "x=5",        "0x10",
      "inf",        "nan",
      "5 a b c",    "5\xff",
      "5 \xc3\xa9", "9.11 9.9",
      "5..",        "1 / 2",
      "5\n6",       "1234,567",
      "1.5/2",      "9999999999999999999",
      "5 squared",  "0.1234567890123456789",
      "5 dozen",    "5 six",
  };
  for (const std::string& text : texts) EXPECT_FALSE(ParseNumber(text)) << text;
  EXPECT_FALSE(ParseNumber(std::string("5\0", 2)));
  EXPECT_FALSE(ParseNumber(std::string("5\0006", 3)));
}

TEST(ParseNumberTest, NeverRounds) {
  EXPECT_NE(ParseNumber("9.11"), ParseNumber("9.9"));
  EXPECT_NE(ParseNumber("1/3"), ParseNumber("0.333"));
  EXPECT_NE(ParseNumber("0.333333333333333333"), ParseNumber("1/3"));
  EXPECT_NE(ParseNumber("1000"), ParseNumber("1000.000000001"));
  EXPECT_EQ(ParseNumber("0.50"), ParseNumber("1/2"));
}

TEST(ParseNumberTest, IsLinearInHostileInput) {
  for (const std::string unit : {"1", ",", "1,", "1,234", " a", "-", ".", "5 ", "/1"}) {
    std::string text;
    while (text.size() < 1 << 20) text += unit;
    EXPECT_FALSE(ParseNumber(text)) << unit;
  }
  EXPECT_EQ(ParseNumber(std::string(1 << 20, ' ') + "5" + std::string(1 << 20, ' ')), Of(5));
}

}  // namespace
}  // namespace agon::envs
