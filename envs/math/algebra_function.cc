// Functions in normal form: what is exact at rational arguments and multiples of pi, and
// the symmetries that people use without thinking.
#include <algorithm>
#include <array>
#include <numeric>

#include "envs/math/algebra.h"

namespace agon::envs {
namespace {

constexpr int kMaxFactorial = 3000;
constexpr int64_t kMaxBinomial = 2000;

bool LeadsNegative(const Quotient& a) {
  return !a.above.empty() && a.above.begin()->second.Sign() < 0;
}

std::optional<int64_t> WholeNumber(const Quotient& a) {
  const auto number = Algebra::AsRational(a);
  if (!number || !number->IsInteger()) return std::nullopt;
  return number->numerator().ToInt64();
}

BigInteger Floor(const BigRational& x) {
  const BigInteger quotient = x.numerator() / x.denominator();
  return x.Sign() < 0 && !x.IsInteger() ? quotient - 1 : quotient;
}

}  // namespace

Quotient Algebra::Factorial(const Quotient& n) {
  const auto number = AsRational(n);
  if (!number) return Opaque("!" + Key(n));
  const auto whole = WholeNumber(n);
  if (!number->IsInteger() || number->Sign() < 0) return Fail("factorial of no whole number");
  if (!whole || *whole > kMaxFactorial) return Fail("too large");
  // Quadratic in the bits of the result, about 12 n.
  if (!Spend(100 + *whole * *whole / 40)) return {};
  return Number(BigRational(BigInteger::Factorial(static_cast<int>(*whole))));
}

// |x| is the square root of x^2, which hides the sign as it should.
Quotient Algebra::AbsoluteValue(const Quotient& a) {
  if (const auto sign = Sign(a)) return *sign < 0 ? Negate(a) : a;
  if (a.above.size() == 1 && a.below.size() == 1) {
    const auto& [monomial, coefficient] = *a.above.begin();
    const bool is_known = std::all_of(monomial.begin(), monomial.end(), [&](const auto& factor) {
      return atoms_[factor.first].kind == Atom::Kind::kPositive || IsAlgebraic(factor.first);
    });
    if (is_known) return coefficient.Sign() < 0 ? Negate(a) : a;
  }
  return Root(Multiply(a, a), 2);
}

// sin(x pi) where it is a square root of a rational number or 0; `x` in half turns.
std::optional<Quotient> Algebra::SineOfTurn(const Rational& half_turns) {
  if (12 % half_turns.denominator() != 0) return std::nullopt;
  const int64_t scale = 12 / half_turns.denominator();
  int64_t step = (half_turns.numerator() % (2 * half_turns.denominator())) * scale;
  if (step < 0) step += 24;
  const bool is_negative = step > 12;
  if (is_negative) step -= 12;
  if (step > 6) step = 12 - step;
  // sin^2 of 0, 15, 30, 45, 60, 75, 90 degrees, four times.
  constexpr std::array<int, 7> kSquares = {0, -1, 1, 2, 3, -1, 4};
  const int square = kSquares[static_cast<size_t>(step)];
  Quotient sine;
  if (square >= 0) {
    sine = Root(Number(*BigRational::Fraction(square, 4)), 2);
  } else {
    // (sqrt 6 -+ sqrt 2) / 4
    const Quotient six = Root(Number(6), 2), two = Root(Number(2), 2);
    sine = Multiply(step == 1 ? Add(six, Negate(two)) : Add(six, two),
                    Number(*BigRational::Fraction(1, 4)));
  }
  return is_negative ? Negate(sine) : sine;
}

Quotient Algebra::Sine(const Quotient& angle) {
  if (angle.above.empty()) return Number(0);
  const Quotient half_turns = Divide(angle, Pi());
  if (const auto number = AsRational(half_turns)) {
    const auto numerator = number->numerator().ToInt64();
    const auto denominator = number->denominator().ToInt64();
    if (numerator && denominator && *denominator <= 12) {
      if (const auto sine = SineOfTurn(*Rational::Fraction(*numerator, *denominator))) {
        return *sine;
      }
    }
  }
  if (LeadsNegative(angle)) return Negate(Sine(Negate(angle)));
  const std::string key = Key(angle);
  const Quotient cosine = Opaque("cos" + key);
  Atom sine;
  sine.kind = Atom::Kind::kSine;
  sine.partner = cosine.above.begin()->first[0].first;
  return OfAtom(Intern("sin" + key, std::move(sine)));
}

Quotient Algebra::Cosine(const Quotient& angle) {
  if (angle.above.empty()) return Number(1);
  if (const auto half_turns = AsRational(Divide(angle, Pi()))) {
    // cos x = sin(pi/2 - x), exact where the sine is.
    const auto sine_turns = agon::envs::Add(half_turns->Negated(), *BigRational::Fraction(1, 2));
    if (sine_turns) {
      const Quotient sine = Sine(Multiply(Number(*sine_turns), Pi()));
      if (!HasVariables(sine)) return sine;
    }
  }
  return Opaque("cos" + Key(LeadsNegative(angle) ? Negate(angle) : angle));
}

// ln of positive numbers is the sum over their factors.
Quotient Algebra::Logarithm(const Quotient& a) {
  if (IsZeroSum(a.above) || a.above.empty()) return Fail("logarithm of zero");
  const bool is_term = a.above.size() == 1 && a.below.size() == 1;
  if (!is_term) return Opaque("ln" + Key(a));
  const auto& [monomial, coefficient] = *a.above.begin();
  const bool is_positive =
      coefficient.Sign() > 0 && std::all_of(monomial.begin(), monomial.end(), [&](const auto& f) {
        return atoms_[f.first].kind == Atom::Kind::kPositive || IsAlgebraic(f.first);
      });
  if (!is_positive) return Opaque("ln" + Key(a));
  Quotient sum = Number(0);
  const auto add = [&](const Quotient& factor, const Rational& power) {
    const auto exponent = BigRational::Fraction(power.numerator(), power.denominator());
    sum = Add(sum, Multiply(Number(*exponent), factor));
  };
  for (const bool is_above : {true, false}) {
    const BigInteger& part = is_above ? coefficient.numerator() : coefficient.denominator();
    if (part.IsOne()) continue;
    for (const auto& [factor, count] : Factors(part)) {
      add(Opaque("ln#" + factor.ToString(), Atom::Kind::kPositive), is_above ? count : -count);
    }
  }
  const int e = E().above.begin()->first[0].first;
  for (const auto& [id, power] : monomial) {
    const Atom& atom = atoms_[id];
    if (id == e) {
      add(Number(1), power);
    } else if (atom.kind == Atom::Kind::kInteger) {
      add(Opaque("ln#" + atom.integer.ToString(), Atom::Kind::kPositive), power);
    } else {
      add(Opaque("ln*" + std::to_string(id)), power);
    }
  }
  return sum;
}

std::optional<Quotient> Algebra::ApplyToNumbers(std::string_view function,
                                                std::span<const Quotient> arguments) {
  std::vector<BigRational> numbers;
  bool are_whole = true;
  for (const Quotient& argument : arguments) {
    const auto number = AsRational(argument);
    if (!number || !Spend(200 + CostNs(*number, *number))) return std::nullopt;
    are_whole &= number->IsInteger();
    numbers.push_back(*number);
  }
  if (numbers.empty()) return std::nullopt;
  if (function == "max") return Number(*std::max_element(numbers.begin(), numbers.end()));
  if (function == "min") return Number(*std::min_element(numbers.begin(), numbers.end()));
  if (function == "floor" && numbers.size() == 1) return Number(BigRational(Floor(numbers[0])));
  if (function == "ceil" && numbers.size() == 1) {
    return Number(BigRational(-Floor(numbers[0].Negated())));
  }
  if (!are_whole) return std::nullopt;
  if (function == "gcd" || function == "lcm") {
    BigInteger total = numbers[0].numerator().Abs();
    for (const BigRational& number : numbers) {
      const BigInteger value = number.numerator().Abs();
      const BigInteger divisor = BigInteger::Gcd(total, value);
      if (function == "gcd") total = divisor;
      if (function == "lcm" && divisor.Sign() != 0) total = total / divisor * value;
      if (total.Bits() > kMaxNumberBits) return Fail("too large");
    }
    return Number(BigRational(total));
  }
  if (function == "binom" && numbers.size() == 2) {
    const auto n = numbers[0].numerator().ToInt64(), k = numbers[1].numerator().ToInt64();
    if (!n || !k || *n < 0 || *n > kMaxBinomial) return std::nullopt;
    if (*k < 0 || *k > *n) return Number(0);
    BigInteger result = 1;
    for (int64_t i = 1; i <= std::min(*k, *n - *k); ++i) {
      if (!Spend(100 + static_cast<int64_t>(result.Bits()) / 8)) return std::nullopt;
      result = result * (*n - i + 1) / i;
    }
    return Number(BigRational(result));
  }
  return std::nullopt;
}

Quotient Algebra::Apply(const std::string& function, std::span<const Quotient> arguments) {
  if (!Spend(500)) return {};
  if (auto number = ApplyToNumbers(function, arguments)) return *number;
  if (arguments.size() == 1) {
    const Quotient& x = arguments[0];
    if (function == "sin") return Sine(x);
    if (function == "cos") return Cosine(x);
    if (function == "tan") return Divide(Sine(x), Cosine(x));
    if (function == "cot") return Divide(Cosine(x), Sine(x));
    if (function == "sec") return Divide(Number(1), Cosine(x));
    if (function == "csc") return Divide(Number(1), Sine(x));
    if (function == "exp") return Power(E(), x);
    if (function == "ln") return Logarithm(x);
  }
  if (function == "log" && arguments.size() == 2) {  // of the second to the base of the first
    return Divide(Logarithm(arguments[1]), Logarithm(arguments[0]));
  }
  std::string key = "f" + function;
  for (const Quotient& argument : arguments) key += Key(argument);
  return Opaque(std::move(key));
}

}  // namespace agon::envs
