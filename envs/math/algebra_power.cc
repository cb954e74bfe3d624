// Powers and roots in normal form: square factors leave the root, roots of a product of
// positive numbers are products of roots, and a root of anything else is an atom.
#include <algorithm>

#include "envs/math/algebra.h"

namespace agon::envs {
namespace {

constexpr int64_t kMaxTrialDivisor = 1000;
// Exponents and root degrees beyond this stay out of 64-bit trouble.
constexpr int64_t kMaxExponent = int64_t{1} << 40;

bool IsSmall(const Rational& exponent) {
  return exponent.numerator() <= kMaxExponent && exponent.numerator() >= -kMaxExponent &&
         exponent.denominator() <= 1000;
}

std::optional<Rational> ToRational(const BigRational& value) {
  const auto numerator = value.numerator().ToInt64(), denominator = value.denominator().ToInt64();
  if (!numerator || !denominator) return std::nullopt;
  const auto rational = Rational::Fraction(*numerator, *denominator);
  return rational && IsSmall(*rational) ? rational : std::nullopt;
}

}  // namespace

// Prime powers of small primes; what is left stands as one factor, or as the root that it
// is a power of. Whether it is prime nobody needs to know: the zero test copes.
std::vector<std::pair<BigInteger, int64_t>> Algebra::Factors(const BigInteger& positive) {
  std::vector<std::pair<BigInteger, int64_t>> factors;
  BigInteger rest = positive;
  const auto divide_out = [&](int64_t divisor) {
    int64_t count = 0;
    while (Spend(40 + static_cast<int64_t>(rest.Bits()) / 40) && (rest % divisor).Sign() == 0) {
      rest = rest / divisor;
      ++count;
    }
    if (count > 0) factors.emplace_back(divisor, count);
  };
  divide_out(2);
  for (int64_t divisor = 3; divisor < kMaxTrialDivisor && ok(); divisor += 2) {
    if (rest < BigInteger(divisor * divisor)) break;
    divide_out(divisor);
  }
  if (rest.IsOne()) return factors;
  for (const unsigned degree : {5u, 3u, 2u}) {
    if (!Spend(2000 + static_cast<int64_t>(rest.Bits() * rest.Bits()) / 100)) break;
    const BigInteger root = rest.Root(degree);
    if (root.Power(degree) == rest) {
      factors.emplace_back(root, degree);
      return factors;
    }
  }
  factors.emplace_back(std::move(rest), 1);
  return factors;
}

Quotient Algebra::RootOfNumber(const BigRational& positive, const Rational& exponent) {
  Monomial monomial;
  for (const bool is_above : {true, false}) {
    const BigInteger& part = is_above ? positive.numerator() : positive.denominator();
    if (part.IsOne()) continue;
    for (const auto& [factor, count] : Factors(part)) {
      const auto power = agon::envs::Multiply(exponent, Rational(is_above ? count : -count));
      if (!power) return Fail("too large");
      monomial.emplace_back(IntegerAtom(factor), *power);
    }
  }
  std::sort(monomial.begin(), monomial.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  Quotient result;
  AddTerm(result.above, std::move(monomial), 1);
  return result;
}

Quotient Algebra::RootAtom(const Sum& base, const Rational& exponent) {
  std::string key = "r";
  AppendKey(base, key);
  Atom atom;
  atom.kind = Atom::Kind::kRoot;
  atom.base = base;
  const auto sign = Sign({base});
  if (sign == 0) return Number(0);
  atom.is_real_root = sign == 1;
  const int id = Intern(std::move(key), std::move(atom));
  Quotient result;
  AddTerm(result.above, {{id, exponent}}, 1);
  return result;
}

// sqrt(x y) is sqrt(x) sqrt(y) only where one of them is known to be positive, and the
// square root of x^2 is not x; odd roots have no such trouble with real numbers.
Quotient Algebra::RootOfTerm(const Monomial& monomial, const Rational& exponent) {
  Quotient result = Number(1);
  Monomial unknown;
  for (const auto& [id, power] : monomial) {
    const Atom& atom = atoms_[id];
    const bool is_positive = atom.kind == Atom::Kind::kPositive ||
                             atom.kind == Atom::Kind::kInteger || atom.is_real_root;
    if (!is_positive) {
      unknown.emplace_back(id, power);
      continue;
    }
    const auto product = agon::envs::Multiply(power, exponent);
    if (!product || !IsSmall(*product)) return Fail("too large");
    result = Multiply(result, Over({{{{id, *product}}, 1}}, {{{}, 1}}));
  }
  if (unknown.empty()) return result;
  const bool is_lone = unknown.size() == 1 && unknown[0].second == Rational(1);
  const bool is_odd = exponent.denominator() % 2 == 1 &&
                      std::all_of(unknown.begin(), unknown.end(),
                                  [](const auto& factor) { return factor.second.IsInteger(); });
  if (!is_lone && !is_odd) return Multiply(result, RootAtom({{unknown, 1}}, exponent));
  for (auto& [id, power] : unknown) {
    const auto product = agon::envs::Multiply(power, exponent);
    if (!product || !IsSmall(*product)) return Fail("too large");
    power = *product;
  }
  return Multiply(result, {{{unknown, 1}}});
}

// radicand^exponent with 0 < exponent < 1.
Quotient Algebra::RootOfSum(const Sum& radicand, const Rational& exponent) {
  if (radicand.empty()) return Number(0);
  // The content (greatest common divisor of the coefficients) leaves the root.
  BigInteger above = 0, below = 1;
  for (const auto& [monomial, coefficient] : radicand) {
    if (!Spend(300 + CostNs(coefficient, coefficient))) return {};
    above = BigInteger::Gcd(above, coefficient.numerator());
    below = below / BigInteger::Gcd(below, coefficient.denominator()) * coefficient.denominator();
    if (below.Bits() > kMaxNumberBits / 4) return Fail("too large");
  }
  const auto content = BigRational::Fraction(above, below);
  if (!content) return Fail("too large");
  Sum primitive = Scaled(radicand, *agon::envs::Divide(1, *content));
  Quotient outside = RootOfNumber(*content, exponent);
  const bool is_term = primitive.size() == 1;
  const bool has_sign = is_term ? primitive.begin()->first.empty() : true;
  std::optional<int> sign =
      is_term ? std::optional(primitive.begin()->second.Sign()) : Sign({primitive});
  if (sign == 0) return Number(0);
  if (sign == -1 && (has_sign || exponent.denominator() % 2 == 1)) {
    // (-1)^(n/2) = i^n; an odd root of a negative number is negative.
    Quotient minus = Number(exponent.numerator() % 2 != 0 ? -1 : 1);
    if (exponent.denominator() % 2 == 0) {
      if (exponent.denominator() != 2) return Fail("root of a negative number");
      minus = {};
      AddTerm(minus.above,
              {{ImaginaryUnit().above.begin()->first[0].first, Rational(exponent.numerator())}}, 1);
    }
    outside = Multiply(outside, minus);
    primitive = Scaled(primitive, -1);
  }
  if (primitive.size() == 1 && primitive.begin()->second.IsOne()) {
    return Multiply(outside, RootOfTerm(primitive.begin()->first, exponent));
  }
  return Multiply(outside, RootAtom(primitive, exponent));
}

Quotient Algebra::RationalPower(const Quotient& base, const Rational& exponent) {
  if (exponent == Rational(0)) return Number(1);
  if (exponent < Rational(0)) {
    const auto opposite = Subtract(Rational(0), exponent);
    return Divide(Number(1), RationalPower(base, *opposite));
  }
  const int64_t whole = exponent.numerator() / exponent.denominator();
  const Rational part = *Subtract(exponent, Rational(whole));
  Quotient result = Number(1);
  if (whole > 0) {
    const auto number = AsRational(base);
    if (number && number->Sign() != 0) {
      const auto power = agon::envs::Power(*number, whole);
      // Powers too large to write stay symbolic: 9^(9^9) is 3^774840978.
      result =
          power
              ? Number(*power)
              : RootOfNumber(
                    BigRational::Fraction(number->numerator().Abs(), number->denominator()).value(),
                    Rational(whole));
      if (!power && number->Sign() < 0 && whole % 2 != 0) result = Negate(result);
    } else {
      result = Over(WholePower(base.above, whole), WholePower(base.below, whole));
    }
  }
  if (part == Rational(0) || !ok()) return result;
  if (base.below.size() == 1) return Multiply(result, RootOfSum(base.above, part));
  // sqrt(a/b) = sqrt(a b)/b for positive b.
  const auto sign = Sign({base.below});
  if (sign == 1 || sign == -1) {
    const Sum below = *sign == 1 ? base.below : Scaled(base.below, -1);
    const Sum above = *sign == 1 ? base.above : Scaled(base.above, -1);
    return Multiply(result, Divide(RootOfSum(above, part), RootOfSum(below, part)));
  }
  return Multiply(result, Opaque("q" + part.ToString() + Key(base)));
}

// e^(c pi i) = cos(c pi) + i sin(c pi), where these are roots.
std::optional<Quotient> Algebra::TurnedPower(const Quotient& base, const Quotient& exponent) {
  if (base.above != E().above || base.below != E().below) return std::nullopt;
  const Quotient angle = Divide(exponent, ImaginaryUnit());
  if (!AsRational(Divide(angle, Pi()))) return std::nullopt;
  const Quotient sine = Sine(angle), cosine = Cosine(angle);
  if (HasVariables(sine) || HasVariables(cosine)) return std::nullopt;
  return Add(cosine, Multiply(ImaginaryUnit(), sine));
}

// base^(c0 + c1 m1 + c2 m2 + ...): for each factor f^a of the base and each m, the atom
// "f^m" to the power a c, so that 4^x is (2^x)^2 and 2^(x+1) is 2 * 2^x.
Quotient Algebra::SymbolicPower(const Quotient& base, const Quotient& exponent) {
  if (exponent.below.size() > 1 || exponent.below.begin()->first != Monomial{}) {
    return Opaque("p" + Key(base) + Key(exponent));
  }
  if (const auto turned = TurnedPower(base, exponent)) return *turned;
  Quotient result = Number(1);
  // Factors of the base with their powers and whether they are positive.
  struct Factor {
    Quotient value;
    Rational power;
    bool is_positive;
  };
  std::vector<Factor> factors;
  const bool is_term =
      base.below.size() == 1 && base.above.size() == 1 && base.above.begin()->second.Sign() > 0;
  if (is_term) {
    const auto& [monomial, coefficient] = *base.above.begin();
    for (const bool is_above : {true, false}) {
      const BigInteger& part = is_above ? coefficient.numerator() : coefficient.denominator();
      if (part.IsOne()) continue;
      for (const auto& [factor, count] : Factors(part)) {
        factors.push_back({Number(BigRational(factor)), is_above ? count : -count, true});
      }
    }
    for (const auto& [id, power] : monomial) {
      const bool is_positive = atoms_[id].kind == Atom::Kind::kPositive ||
                               atoms_[id].kind == Atom::Kind::kInteger || atoms_[id].is_real_root;
      factors.push_back({OfAtom(id), power, is_positive});
    }
  } else {
    factors.push_back({base, 1, false});
  }
  for (const auto& [monomial, coefficient] : exponent.above) {
    const auto power = ToRational(coefficient);
    if (!power) return Fail("too large");
    if (monomial.empty()) {
      result = Multiply(result, RationalPower(base, *power));
      continue;
    }
    for (const Factor& factor : factors) {
      const auto product = agon::envs::Multiply(*power, factor.power);
      if (!product || !IsSmall(*product) || !ok()) return Fail("too large");
      const Quotient atom =
          Opaque("p" + Key(factor.value) + Key({{{monomial, 1}}}),
                 factor.is_positive ? Atom::Kind::kPositive : Atom::Kind::kVariable);
      if (!ok()) return {};
      result = Multiply(result, OfAtom(atom.above.begin()->first[0].first, *product));
    }
  }
  return result;
}

Quotient Algebra::Power(const Quotient& base, const Quotient& exponent) {
  if (!Spend(300)) return {};
  const auto number = AsRational(exponent);
  if (!number) return SymbolicPower(base, exponent);
  if (const auto small = ToRational(*number)) return RationalPower(base, *small);
  // 0, 1 and -1 have any whole power.
  const auto value = AsRational(base);
  if (value && number->IsInteger() && value->IsInteger() && value->numerator().Bits() <= 1) {
    if (value->Sign() == 0) return number->Sign() > 0 ? Number(0) : Fail("division by zero");
    return Number((number->numerator() % 2).Sign() != 0 ? *value : BigRational(1));
  }
  return Fail("too large");
}

Quotient Algebra::Root(const Quotient& radicand, int64_t degree) {
  if (degree < 1 || degree > 1000) return Fail("too large");
  return RationalPower(radicand, *Rational::Fraction(1, degree));
}

}  // namespace agon::envs
