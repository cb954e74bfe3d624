// Exact symbolic arithmetic on bounded expressions: the normal form by which answers are
// compared.
//
// A value is a quotient of two sums; a term is a rational coefficient times atoms to
// rational powers. Atoms are variables, pi, e, i, integers under a root, roots of sums,
// sines and cosines, and function applications that nothing is known about.
//   \frac{3}{\sqrt{12}} + x   =   1/2 * 3^(1/2) + 1 * x^1
// Equality is proven, never guessed: two values are equal if the normal form of their
// difference is empty, or if each of its algebraic coefficients lies closer to 0 than a
// number of its degree and size can without being 0 (zero_test.cc). pi, e, logarithms and
// variables count as independent, so a missed identity makes equal values differ, and no
// two different values become equal.
//
// Work is bounded: every step spends an estimate of its time. Where the budget, a size or a
// domain ends, `problem` says so, the results of further calls mean nothing, and nothing
// is equal. Not thread-safe; one object a grade.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "envs/math/big_rational.h"
#include "envs/math/rational.h"

namespace agon::envs {

// A product of atoms to powers other than 0, sorted by atom.
using Monomial = std::vector<std::pair<int, Rational>>;
// Coefficients other than 0; the empty sum is 0.
using Sum = std::map<Monomial, BigRational>;

struct Quotient {
  Sum above;
  Sum below = {{{}, 1}};
};

struct Atom {
  enum class Kind {
    kVariable,   // anything at all, negative or complex too
    kPositive,   // pi, e, logarithms of integers above 1, powers of these
    kImaginary,  // i
    kInteger,    // an integer above 1, under a root
    kRoot,       // of the sum `base`; the power says which root
    kSine,       // `partner` is the cosine of the same argument
  };
  Kind kind = Kind::kVariable;
  BigInteger integer;
  Sum base;
  int partner = -1;
  bool is_real_root = false;  // kRoot: `base` is a positive algebraic number
};

class Algebra {
 public:
  static constexpr int64_t kBudgetNs = 600'000;
  static constexpr size_t kMaxTerms = 300;

  // "" while every result so far is right; else "too large", "division by zero", ...
  const std::string& problem() const { return problem_; }
  bool ok() const { return problem_.empty(); }

  Quotient Number(const BigRational& value) const;
  Quotient Variable(std::string_view name);
  Quotient Pi();
  Quotient E();
  Quotient ImaginaryUnit();

  Quotient Add(const Quotient& a, const Quotient& b);
  Quotient Negate(const Quotient& a);
  Quotient Multiply(const Quotient& a, const Quotient& b);
  Quotient Divide(const Quotient& a, const Quotient& b);
  Quotient Power(const Quotient& base, const Quotient& exponent);
  // Even roots of negative numbers are imaginary, odd ones negative.
  Quotient Root(const Quotient& radicand, int64_t degree);
  Quotient Factorial(const Quotient& n);
  Quotient AbsoluteValue(const Quotient& a);
  // sin, cos, tan, cot, sec, csc, ln, exp, binom, floor, ceil, max, min, gcd, lcm are
  // simplified; of any other function nothing is known but its name.
  Quotient Apply(const std::string& function, std::span<const Quotient> arguments);

  // Whether the value is proven to be 0, or both to be equal.
  bool IsZero(const Quotient& a);
  bool Equal(const Quotient& a, const Quotient& b);
  // Sign of a real algebraic number; nullopt for anything else.
  std::optional<int> Sign(const Quotient& a);
  static std::optional<BigRational> AsRational(const Quotient& a);
  // The rational r with a = r b, neither of them 0.
  std::optional<BigRational> Ratio(const Quotient& a, const Quotient& b);
  // Whether a variable or an unknown function occurs.
  bool HasVariables(const Quotient& a) const;
  // Whether it is a variable, or a product or quotient of variables, as names of quantities
  // are: x, AB, NO/BO, f(x).
  bool IsName(const Quotient& a) const;

  // False once the budget is spent.
  bool Spend(int64_t nanoseconds);

 private:
  friend class ZeroTest;

  Quotient Fail(std::string_view problem);
  int Intern(std::string key, Atom atom);
  int IntegerAtom(const BigInteger& integer);
  std::string Key(const Quotient& a);
  void AppendKey(const Sum& sum, std::string& key);
  Quotient OfAtom(int atom, Rational power = 1) const;
  Quotient Opaque(std::string key, Atom::Kind kind = Atom::Kind::kVariable);

  // Sums (algebra.cc). AddTerm brings the term into normal form first.
  void AddTerm(Sum& sum, Monomial monomial, BigRational coefficient);
  void SettleInteger(std::pair<int, Rational>& factor, BigRational& coefficient);
  Sum Plus(const Sum& a, const Sum& b);
  Sum Times(const Sum& a, const Sum& b);
  Sum Scaled(const Sum& a, const BigRational& factor);
  Sum WholePower(const Sum& base, int64_t exponent);
  Quotient Over(Sum above, Sum below);

  // Powers (algebra_power.cc).
  Quotient RationalPower(const Quotient& base, const Rational& exponent);
  Quotient RootOfSum(const Sum& radicand, const Rational& exponent);
  Quotient RootOfNumber(const BigRational& positive, const Rational& exponent);
  Quotient RootOfTerm(const Monomial& monomial, const Rational& exponent);
  Quotient RootAtom(const Sum& base, const Rational& exponent);
  Quotient SymbolicPower(const Quotient& base, const Quotient& exponent);
  std::optional<Quotient> TurnedPower(const Quotient& base, const Quotient& exponent);
  std::vector<std::pair<BigInteger, int64_t>> Factors(const BigInteger& positive);

  // Functions (algebra_function.cc).
  Quotient Sine(const Quotient& angle);
  Quotient Cosine(const Quotient& angle);
  std::optional<Quotient> SineOfTurn(const Rational& half_turns);
  Quotient Logarithm(const Quotient& a);
  std::optional<Quotient> ApplyToNumbers(std::string_view function,
                                         std::span<const Quotient> arguments);

  // Zero test (zero_test.cc).
  bool IsZeroSum(Sum sum);
  Sum WithoutNegativePowers(const Sum& sum);
  Sum WithoutSquaredSines(const Sum& sum);
  bool IsAlgebraic(int atom) const;

  std::deque<Atom> atoms_;
  std::map<std::string, int, std::less<>> ids_;
  std::string problem_;
  int64_t budget_ns_ = kBudgetNs;
};

}  // namespace agon::envs
