#include "envs/math/algebra.h"

#include <algorithm>
#include <functional>

namespace agon::envs {
namespace {

constexpr size_t kMaxKeyBits = 4096;

bool IsNumber(const Sum& sum) {
  return sum.empty() || (sum.size() == 1 && sum.begin()->first.empty());
}

bool IsOne(const Sum& sum) {
  return sum.size() == 1 && sum.begin()->first.empty() && sum.begin()->second.IsOne();
}

}  // namespace

bool Algebra::Spend(int64_t nanoseconds) {
  budget_ns_ -= nanoseconds;
  if (budget_ns_ < 0) Fail("too large");
  return ok();
}

Quotient Algebra::Fail(std::string_view problem) {
  if (problem_.empty()) problem_ = problem;
  return {};
}

int Algebra::Intern(std::string key, Atom atom) {
  const auto [place, is_fresh] = ids_.try_emplace(std::move(key), static_cast<int>(atoms_.size()));
  if (is_fresh) atoms_.push_back(std::move(atom));
  return place->second;
}

int Algebra::IntegerAtom(const BigInteger& integer) {
  return Intern("#" + integer.ToString(), {Atom::Kind::kInteger, integer, {}, -1, false});
}

void Algebra::AppendKey(const Sum& sum, std::string& key) {
  for (const auto& [monomial, coefficient] : sum) {
    if (coefficient.Bits() > kMaxKeyBits ||
        !Spend(100 * (2 + static_cast<int64_t>(monomial.size())))) {
      Fail("too large");
      return;
    }
    key += '+';
    key += coefficient.ToString();
    for (const auto& [atom, power] : monomial) {
      key += '*';
      key += std::to_string(atom);
      key += '^';
      key += power.ToString();
    }
  }
}

std::string Algebra::Key(const Quotient& a) {
  std::string key = "(";
  AppendKey(a.above, key);
  if (!IsOne(a.below)) {
    key += '|';
    AppendKey(a.below, key);
  }
  return key + ")";
}

Quotient Algebra::OfAtom(int atom, Rational power) const {
  if (power == Rational(0)) return Number(1);
  return {{{{{atom, power}}, 1}}};
}

Quotient Algebra::Opaque(std::string key, Atom::Kind kind) {
  Atom atom;
  atom.kind = kind;
  return OfAtom(Intern(std::move(key), std::move(atom)));
}

Quotient Algebra::Number(const BigRational& value) const {
  Quotient number;
  if (value.Sign() != 0) number.above.emplace(Monomial{}, value);
  return number;
}

Quotient Algebra::Variable(std::string_view name) { return Opaque("x" + std::string(name)); }
Quotient Algebra::Pi() { return Opaque("pi", Atom::Kind::kPositive); }
Quotient Algebra::E() { return Opaque("e", Atom::Kind::kPositive); }
Quotient Algebra::ImaginaryUnit() { return Opaque("i", Atom::Kind::kImaginary); }

// A whole power of an integer goes into the coefficient, unless it is too large to write.
void Algebra::SettleInteger(std::pair<int, Rational>& factor, BigRational& coefficient) {
  const int64_t denominator = factor.second.denominator();
  int64_t whole = factor.second.numerator() / denominator;
  if (factor.second.numerator() % denominator < 0) --whole;
  if (whole == 0) return;
  const auto power = agon::envs::Power(BigRational(atoms_[factor.first].integer), whole);
  if (!power) return;
  Spend(CostNs(*power, coefficient));
  const auto product = agon::envs::Multiply(*power, coefficient);
  const auto rest = Subtract(factor.second, Rational(whole));
  if (!product || !rest) return;
  coefficient = *product;
  factor.second = *rest;
}

void Algebra::AddTerm(Sum& sum, Monomial monomial, BigRational coefficient) {
  if (!Spend(300) || coefficient.Sign() == 0) return;
  for (size_t i = 0; i < monomial.size(); ++i) {
    auto& [id, power] = monomial[i];
    const Atom& atom = atoms_[id];
    if (atom.kind == Atom::Kind::kInteger) {
      SettleInteger(monomial[i], coefficient);
    } else if (atom.kind == Atom::Kind::kImaginary) {
      // i^4 = 1, i^2 = -1
      const int64_t turns = power.numerator() / (4 * power.denominator());
      power = Subtract(power, Rational(4 * turns)).value_or(power);
      if (power < Rational(0)) power = *agon::envs::Add(power, Rational(4));
      if (!(power < Rational(2))) {
        power = *Subtract(power, Rational(2));
        coefficient = coefficient.Negated();
      }
    } else if (atom.kind == Atom::Kind::kRoot && !(power < Rational(1))) {
      // A whole power of a root of a sum is that sum again.
      const int64_t whole = power.numerator() / power.denominator();
      power = *Subtract(power, Rational(whole));
      const Sum base = WholePower(atom.base, whole);
      std::erase_if(monomial, [](const auto& factor) { return factor.second == Rational(0); });
      const Sum product = Times({{monomial, coefficient}}, base);
      for (const auto& [m, c] : product) {
        if (!ok()) return;
        AddTerm(sum, m, c);
      }
      return;
    }
  }
  std::erase_if(monomial, [](const auto& factor) { return factor.second == Rational(0); });
  const auto [place, is_fresh] = sum.try_emplace(std::move(monomial), coefficient);
  if (is_fresh) {
    if (sum.size() > kMaxTerms) Fail("too large");
    return;
  }
  Spend(CostNs(place->second, coefficient));
  const auto total = ok() ? agon::envs::Add(place->second, coefficient) : std::nullopt;
  if (!total) {
    Fail("too large");
  } else if (total->Sign() == 0) {
    sum.erase(place);
  } else {
    place->second = *total;
  }
}

Sum Algebra::Plus(const Sum& a, const Sum& b) {
  Sum sum = a;
  for (const auto& [monomial, coefficient] : b) AddTerm(sum, monomial, coefficient);
  return sum;
}

Sum Algebra::Scaled(const Sum& a, const BigRational& factor) {
  Sum result;
  for (const auto& [monomial, coefficient] : a) {
    if (!Spend(CostNs(coefficient, factor))) return {};
    const auto product = agon::envs::Multiply(coefficient, factor);
    if (!product) {
      Fail("too large");
      return {};
    }
    if (product->Sign() != 0) result.emplace_hint(result.end(), monomial, *product);
  }
  return result;
}

Sum Algebra::Times(const Sum& a, const Sum& b) {
  if (IsNumber(a)) return a.empty() ? Sum{} : Scaled(b, a.begin()->second);
  if (IsNumber(b)) return b.empty() ? Sum{} : Scaled(a, b.begin()->second);
  Sum result;
  for (const auto& [left, x] : a) {
    for (const auto& [right, y] : b) {
      if (!Spend(CostNs(x, y) + 100)) return {};
      Monomial product;
      auto i = left.begin(), j = right.begin();
      while (i != left.end() || j != right.end()) {
        if (j == right.end() || (i != left.end() && i->first < j->first)) {
          product.push_back(*i++);
        } else if (i == left.end() || j->first < i->first) {
          product.push_back(*j++);
        } else {
          const auto power = agon::envs::Add(i->second, j->second);
          if (!power) return Fail("too large").above;
          if (*power != Rational(0)) product.emplace_back(i->first, *power);
          ++i, ++j;
        }
      }
      const auto coefficient = agon::envs::Multiply(x, y);
      if (!coefficient) return Fail("too large").above;
      AddTerm(result, std::move(product), *coefficient);
    }
  }
  return result;
}

Sum Algebra::WholePower(const Sum& base, int64_t exponent) {
  constexpr int64_t kMaxExponent = 200;
  if (exponent == 1) return base;
  if (base.size() == 1 && base.begin()->second.IsOne()) {
    Monomial monomial = base.begin()->first;
    for (auto& [atom, power] : monomial) {
      const auto product = agon::envs::Multiply(power, Rational(exponent));
      if (!product) return Fail("too large").above;
      power = *product;
    }
    Sum result;
    AddTerm(result, std::move(monomial), 1);
    return result;
  }
  if (exponent > kMaxExponent) return Fail("too large").above;
  Sum result = {{{}, 1}}, square = base;
  for (int64_t rest = exponent; rest > 0 && ok(); rest /= 2) {
    if (rest % 2 == 1) result = Times(result, square);
    if (rest > 1) square = Times(square, square);
  }
  return result;
}

// A single term below goes above with negative powers, so that most values have nothing
// below.
Quotient Algebra::Over(Sum above, Sum below) {
  if (!ok()) return {};
  if (below.empty()) return Fail("division by zero");
  if (above.empty()) return {};
  if (below.size() > 1) return {std::move(above), std::move(below)};
  Monomial inverse = below.begin()->first;
  for (auto& [atom, power] : inverse) power = *Subtract(Rational(0), power);
  const auto coefficient = agon::envs::Divide(1, below.begin()->second);
  if (!coefficient) return Fail("too large");
  Sum factor;
  AddTerm(factor, std::move(inverse), *coefficient);
  return {Times(above, factor)};
}

Quotient Algebra::Add(const Quotient& a, const Quotient& b) {
  if (a.below == b.below) return Over(Plus(a.above, b.above), a.below);
  return Over(Plus(Times(a.above, b.below), Times(b.above, a.below)), Times(a.below, b.below));
}

Quotient Algebra::Negate(const Quotient& a) { return {Scaled(a.above, -1), a.below}; }

Quotient Algebra::Multiply(const Quotient& a, const Quotient& b) {
  return Over(Times(a.above, b.above), Times(a.below, b.below));
}

Quotient Algebra::Divide(const Quotient& a, const Quotient& b) {
  if (IsZeroSum(b.above)) return Fail("division by zero");
  return Over(Times(a.above, b.below), Times(a.below, b.above));
}

std::optional<BigRational> Algebra::AsRational(const Quotient& a) {
  if (!IsOne(a.below) || !IsNumber(a.above)) return std::nullopt;
  return a.above.empty() ? BigRational(0) : a.above.begin()->second;
}

bool Algebra::HasVariables(const Quotient& a) const {
  const auto occurs = [&](const Sum& sum, const auto& self) -> bool {
    for (const auto& [monomial, coefficient] : sum) {
      for (const auto& [id, power] : monomial) {
        const Atom& atom = atoms_[id];
        if (atom.kind == Atom::Kind::kVariable || atom.kind == Atom::Kind::kSine) return true;
        if (atom.kind == Atom::Kind::kRoot && self(atom.base, self)) return true;
      }
    }
    return false;
  };
  return occurs(a.above, occurs) || occurs(a.below, occurs);
}

bool Algebra::IsName(const Quotient& a) const {
  if (!IsOne(a.below) || a.above.size() != 1) return false;
  const auto& [monomial, coefficient] = *a.above.begin();
  return coefficient.IsOne() && !monomial.empty() &&
         std::all_of(monomial.begin(), monomial.end(), [&](const auto& factor) {
           const bool is_plain = factor.second == Rational(1) || factor.second == Rational(-1);
           return is_plain && atoms_[factor.first].kind == Atom::Kind::kVariable;
         });
}

bool Algebra::Equal(const Quotient& a, const Quotient& b) {
  if (!ok()) return false;
  if (a.above == b.above && a.below == b.below) return true;
  // Two numbers need no difference, which may be far larger than both.
  if (AsRational(a) && AsRational(b)) return false;
  return IsZero(Add(a, Negate(b)));
}

bool Algebra::IsZero(const Quotient& a) { return ok() && IsZeroSum(a.above) && ok(); }

std::optional<BigRational> Algebra::Ratio(const Quotient& a, const Quotient& b) {
  if (!ok() || a.above.empty() || b.above.empty()) return std::nullopt;
  // Terms of both stand in the same order, but terms that hide a 0 may stand among them,
  // so the ratio of the first ones is only a guess to be proven.
  const Sum left = Times(a.above, b.below), right = Times(b.above, a.below);
  if (left.empty() || right.empty()) return std::nullopt;
  const auto ratio = agon::envs::Divide(left.begin()->second, right.begin()->second);
  if (!ratio || IsZeroSum(left) || !IsZeroSum(Plus(left, Scaled(right, ratio->Negated())))) {
    return std::nullopt;
  }
  return ok() ? ratio : std::nullopt;
}

}  // namespace agon::envs
