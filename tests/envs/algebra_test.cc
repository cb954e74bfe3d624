#include "envs/math/algebra.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <complex>
#include <string>

#include "core/rng.h"
#include "envs/math/answer_value.h"

namespace agon::envs {
namespace {

Quotient Q(Algebra& algebra, std::string_view formula) {
  const auto value = Evaluate(ParseAnswer(LexAnswer(formula, {})), algebra);
  EXPECT_TRUE(value && value->kind == Value::Kind::kScalar) << formula;
  return value ? value->scalar : Quotient{};
}

bool Equal(std::string_view a, std::string_view b) {
  Algebra algebra;
  const Quotient x = Q(algebra, a), y = Q(algebra, b);
  return algebra.Equal(x, y);
}

std::optional<int> SignOf(std::string_view formula) {
  Algebra algebra;
  return algebra.Sign(Q(algebra, formula));
}

TEST(AlgebraTest, PolynomialsAndQuotients) {
  EXPECT_TRUE(Equal("(x+y)^3", "x^3+3x^2y+3xy^2+y^3"));
  EXPECT_TRUE(Equal("\\frac{1}{x-1}-\\frac{1}{x+1}", "\\frac{2}{x^2-1}"));
  EXPECT_TRUE(Equal("\\frac{x^3-1}{x-1}", "x^2+x+1"));
  EXPECT_TRUE(Equal("\\frac{\\frac{1}{x}}{\\frac{1}{y}}", "y/x"));
  EXPECT_FALSE(Equal("(x+1)^2", "x^2+1"));
  EXPECT_FALSE(Equal("x/y", "y/x"));
}

TEST(AlgebraTest, RootsLeaveWhatTheyCan) {
  EXPECT_TRUE(Equal("\\sqrt{72}", "6\\sqrt2"));
  EXPECT_TRUE(Equal("\\sqrt{\\frac{3}{8}}", "\\frac{\\sqrt6}{4}"));
  EXPECT_TRUE(Equal("\\sqrt[3]{-54}", "-3\\sqrt[3]{2}"));
  EXPECT_TRUE(Equal("\\sqrt2\\sqrt[3]{2}", "2^{5/6}"));
  EXPECT_TRUE(Equal("\\sqrt{8+4\\sqrt3}", "2\\sqrt{2+\\sqrt3}"));
  EXPECT_TRUE(Equal("\\sqrt{4x}", "2\\sqrt{x}"));
  EXPECT_TRUE(Equal("\\sqrt{\\pi^2}", "\\pi"));
  EXPECT_TRUE(Equal("\\sqrt{1-\\sqrt2}", "i\\sqrt{\\sqrt2-1}"));
  EXPECT_TRUE(Equal("\\sqrt{x+1}^2", "x+1"));
}

TEST(AlgebraTest, BranchesAreNotGuessed) {
  EXPECT_FALSE(Equal("\\sqrt{x^2}", "x"));
  EXPECT_FALSE(Equal("\\sqrt{xy}", "\\sqrt{x}\\sqrt{y}"));
  EXPECT_FALSE(Equal("\\sqrt{-x}", "i\\sqrt{x}"));
  EXPECT_FALSE(Equal("\\ln(x^2)", "2\\ln x"));
}

// Nested roots need the separation bound: no rewriting makes the two sides the same.
TEST(AlgebraTest, IrrationalEqualityIsProven) {
  EXPECT_TRUE(Equal("\\sqrt{3+2\\sqrt2}", "1+\\sqrt2"));
  EXPECT_TRUE(Equal("\\sqrt[3]{2+\\sqrt5}-\\sqrt[3]{\\sqrt5-2}", "1"));
  EXPECT_TRUE(Equal("\\sqrt[3]{7+5\\sqrt2}", "1+\\sqrt2"));
  EXPECT_TRUE(Equal("\\pi\\sqrt{3+2\\sqrt2}", "\\pi+\\pi\\sqrt2"));
  EXPECT_TRUE(Equal("x\\sqrt{3+2\\sqrt2}+i", "x+x\\sqrt2+i"));
  EXPECT_TRUE(Equal("\\sqrt{10007\\cdot10009}", "\\sqrt{10007}\\sqrt{10009}")) << "big primes";
}

TEST(AlgebraTest, CloseNumbersDiffer) {
  // 665857/470832 is the square root of 2 to 11 decimals.
  EXPECT_FALSE(Equal("\\sqrt2", "665857/470832"));
  // The difference is about 1e-37.
  EXPECT_FALSE(Equal("\\sqrt2", "1.4142135623730950488016887242096980786"));
  EXPECT_FALSE(Equal("\\sqrt{10^{40}+1}", "10^{20}"));
  // Differ in the 8th decimal; a classic trap of double arithmetic.
  EXPECT_FALSE(Equal("\\sqrt{2000000}+\\sqrt{2000002}", "2\\sqrt{2000001}"));
  EXPECT_FALSE(Equal("e", "2.718281828459045"));
  EXPECT_FALSE(Equal("\\pi", "355/113"));
}

TEST(AlgebraTest, TooComplicatedIsNotEqual) {
  Algebra algebra;
  const Quotient x = Q(algebra, "\\sqrt[97]{2}+\\sqrt[89]{3}+\\sqrt[83]{5}");
  EXPECT_TRUE(algebra.Equal(x, x)) << "the same normal form";
  const Quotient y = Q(algebra, "\\sqrt[97]{2}+\\sqrt[89]{3}+\\sqrt[83]{5+10^{-300}}");
  EXPECT_FALSE(algebra.Equal(x, y)) << "closer than the precision there is";
}

TEST(AlgebraTest, SignsOfAlgebraicNumbers) {
  EXPECT_EQ(SignOf("\\sqrt2-1.4142135623730950488"), 1);
  EXPECT_EQ(SignOf("1.4142135623730950489-\\sqrt2"), 1);
  EXPECT_EQ(SignOf("\\sqrt2+\\sqrt3-\\sqrt{10}"), -1);
  EXPECT_EQ(SignOf("\\sqrt2+\\sqrt3-\\sqrt{5+2\\sqrt6}"), 0);
  EXPECT_EQ(SignOf("-3/7"), -1);
  EXPECT_EQ(SignOf("\\pi"), std::nullopt);
  EXPECT_EQ(SignOf("x"), std::nullopt);
}

TEST(AlgebraTest, Functions) {
  EXPECT_TRUE(Equal("\\sin\\frac{7\\pi}{6}", "-\\frac12"));
  EXPECT_TRUE(Equal("\\cos\\frac{-5\\pi}{4}", "-\\frac{\\sqrt2}{2}"));
  EXPECT_TRUE(Equal("\\sin\\frac{5\\pi}{12}", "\\frac{\\sqrt6+\\sqrt2}{4}"));
  EXPECT_TRUE(Equal("\\sin0+\\cos0", "1"));
  EXPECT_TRUE(Equal("\\sin^4x-\\cos^4x", "\\sin^2x-\\cos^2x"));
  EXPECT_TRUE(Equal("\\ln\\frac{8}{9}", "3\\ln2-2\\ln3"));
  EXPECT_TRUE(Equal("\\ln\\sqrt{e}", "\\frac12"));
  EXPECT_TRUE(Equal("\\log_4 8", "\\frac32"));
  EXPECT_TRUE(Equal("\\lfloor -2.5\\rfloor+\\lceil 2.5\\rceil", "0"));
  EXPECT_TRUE(Equal("\\gcd(12,18)\\max(2,3)", "18"));
  EXPECT_TRUE(Equal("\\binom{10}{3}", "\\frac{10!}{3!\\cdot7!}"));
  EXPECT_FALSE(Equal("\\sin x", "\\sin y"));
  EXPECT_FALSE(Equal("\\sin x", "\\cos x"));
  EXPECT_FALSE(Equal("\\ln 2", "\\ln 3"));
}

TEST(AlgebraTest, SymbolicPowers) {
  EXPECT_TRUE(Equal("2^{n+1}-2^n", "2^n"));
  EXPECT_TRUE(Equal("6^n", "2^n3^n"));
  EXPECT_TRUE(Equal("x^{n}x^{2}", "x^{n+2}"));
  EXPECT_TRUE(Equal("(1/2)^n", "2^{-n}"));
  EXPECT_TRUE(Equal("e^{x+\\ln2}", "e^{\\ln2}e^x"));
  EXPECT_TRUE(Equal("9^{9^9}\\cdot9^{9^9}", "3^{4\\cdot9^9}"));
  EXPECT_FALSE(Equal("2^n", "2^m"));
  EXPECT_FALSE(Equal("(-1)^n", "1"));
}

TEST(AlgebraTest, UndefinedIsNotEqualToItself) {
  for (const char* formula : {"1/0", "\\frac{1}{\\sqrt2-\\sqrt2}", "0^{-1}", "\\ln 0", "(-1)!",
                              "\\frac{1}{\\sqrt{3+2\\sqrt2}-1-\\sqrt2}"}) {
    Algebra algebra;
    const auto value = Evaluate(ParseAnswer(LexAnswer(formula, {})), algebra);
    EXPECT_FALSE(value) << formula;
    EXPECT_FALSE(algebra.ok()) << formula;
  }
}

TEST(AlgebraTest, RatiosOfEquations) {
  Algebra algebra;
  const Quotient a = Q(algebra, "2x+4y-3"), b = Q(algebra, "-x/2-y+3/4");
  EXPECT_EQ(algebra.Ratio(a, b), BigRational(-4));
  EXPECT_FALSE(algebra.Ratio(a, Q(algebra, "2x+4y-4")));
  EXPECT_FALSE(algebra.Ratio(a, Q(algebra, "0")));
  EXPECT_FALSE(algebra.Ratio(Q(algebra, "0"), a));
}

// --- Random formulas: equal normal forms have equal values --------------------------------

using Complex = std::complex<long double>;

// A random formula over x, y and small numbers, with its value at a point.
struct Formula {
  std::string text;
  Complex value;
};

Formula Draw(Rng& rng, int depth) {
  static const std::array<Formula, 6> kLeaves = {{{"x", {0.731L, 0}},
                                                  {"y", {-1.377L, 0}},
                                                  {"2", {2, 0}},
                                                  {"3", {3, 0}},
                                                  {"\\frac12", {0.5L, 0}},
                                                  {"\\pi", {std::acos(-1.0L), 0}}}};
  if (depth == 0) return kLeaves[rng.Below(kLeaves.size())];
  const Formula a = Draw(rng, depth - 1);
  const std::string left = "{" + a.text + "}";
  switch (rng.Below(6)) {
    case 0: {
      const Formula b = Draw(rng, depth - 1);
      return {left + "+{" + b.text + "}", a.value + b.value};
    }
    case 1: {
      const Formula b = Draw(rng, depth - 1);
      return {left + "-({" + b.text + "})", a.value - b.value};
    }
    case 2: {
      const Formula b = Draw(rng, depth - 1);
      return {"({" + a.text + "})\\cdot({" + b.text + "})", a.value * b.value};
    }
    case 3: {
      const Formula b = Draw(rng, depth - 1);
      return {"\\frac" + left + "{" + b.text + "}", a.value / b.value};
    }
    case 4:
      return {"({" + a.text + "})^2", a.value * a.value};
    default:
      return {"\\sqrt" + left, std::sqrt(a.value)};
  }
}

TEST(AlgebraTest, EqualFormulasHaveEqualValues) {
  Rng rng({1, RngStream::kTest, 0, 0, 0});
  int num_equal = 0;
  for (int i = 0; i < 8000; ++i) {
    const Formula a = Draw(rng, static_cast<int>(rng.Between(1, 2)));
    const Formula b = Draw(rng, static_cast<int>(rng.Between(1, 2)));
    Algebra algebra;
    const auto x = Evaluate(ParseAnswer(LexAnswer(a.text, {})), algebra);
    const auto y = Evaluate(ParseAnswer(LexAnswer(b.text, {})), algebra);
    if (!x || !y || !algebra.Equal(x->scalar, y->scalar)) continue;
    ++num_equal;
    EXPECT_LT(std::abs(a.value - b.value), 1e-9L * (1 + std::abs(a.value)))
        << a.text << "  and  " << b.text;
  }
  EXPECT_GT(num_equal, 40) << "the test sees too few equal pairs to mean anything";
}

TEST(AlgebraTest, FormulasEqualTheirRearrangements) {
  Rng rng({2, RngStream::kTest, 0, 0, 0});
  int num_checked = 0;
  for (int i = 0; i < 1000; ++i) {
    const Formula a = Draw(rng, 2), b = Draw(rng, 2), c = Draw(rng, 1);
    const auto wrapped = [](const Formula& f) { return "({" + f.text + "})"; };
    const std::string one = wrapped(a) + "(" + wrapped(b) + "+" + wrapped(c) + ")";
    const std::string other = wrapped(c) + wrapped(a) + "+" + wrapped(b) + wrapped(a);
    Algebra algebra;
    const auto x = Evaluate(ParseAnswer(LexAnswer(one, {})), algebra);
    const auto y = Evaluate(ParseAnswer(LexAnswer(other, {})), algebra);
    if (!x || !y) continue;
    ++num_checked;
    const bool equal = algebra.Equal(x->scalar, y->scalar);
    EXPECT_TRUE(equal || !algebra.ok()) << one << "  and  " << other;
  }
  EXPECT_GT(num_checked, 700);
}

}  // namespace
}  // namespace agon::envs
