// Whether a value is 0, proven.
//
// A sum of products of roots of integers, and of roots of such sums, is an algebraic
// integer once denominators are cleared. If it isn't 0, the product of its conjugates is an
// integer other than 0, so with D conjugates of at most 2^u each it is at least
// 2^(-u (D - 1)) in size. Evaluated with enough bits, it is either away from 0 or, being
// smaller than that, 0. Source: the bound of Burnikel, Fleischer, Mehlhorn and Schirra, "A
// strong and easily computable separation bound for arithmetic expressions involving
// radicals" (2000), for expressions without division.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>

#include "envs/math/algebra.h"

namespace agon::envs {
namespace {

constexpr size_t kMaxPrecisionBits = 2048;
constexpr std::array<size_t, 4> kPrecisions = {64, 192, 640, kMaxPrecisionBits};

// A number within `error` of `middle`, both in units of 2^-precision.
struct Ball {
  BigInteger middle, error;
};

bool Contains0(const Ball& ball) { return ball.middle.Abs() <= ball.error; }

}  // namespace

// One algebraic number at growing precision.
class ZeroTest {
 public:
  ZeroTest(Algebra& algebra, const Sum& sum) : algebra_(algebra), sum_(sum) {}

  // 0, or the sign; nullopt where the number is too complicated to tell.
  std::optional<int> Sign() {
    BigInteger scale = 1;
    for (const auto& [monomial, coefficient] : sum_) {
      const BigInteger& below = coefficient.denominator();
      scale = scale / BigInteger::Gcd(scale, below) * below;
      if (scale.Bits() > kMaxPrecisionBits) return std::nullopt;
    }
    const auto size = SizeBits(sum_);
    if (!size) return std::nullopt;
    double degree = 1;
    for (const auto& [atom, root_degree] : degrees_) degree *= static_cast<double>(root_degree);
    const double size_bits = *size + static_cast<double>(scale.Bits());
    const double needed = size_bits * (degree - 1) + static_cast<double>(scale.Bits()) + 2;
    for (const size_t precision : kPrecisions) {
      precision_ = precision;
      const auto ball = Evaluate(sum_);
      if (!algebra_.ok()) return std::nullopt;
      if (!ball) continue;
      if (!Contains0(*ball)) return ball->middle.Sign();
      // |x| <= (|middle| + error) 2^-precision < 2^-needed
      const BigInteger largest = ball->middle.Abs() + ball->error;
      const double bound = static_cast<double>(largest.Bits()) - static_cast<double>(precision);
      if (bound < -needed) return 0;
    }
    return std::nullopt;
  }

 private:
  // Bound on log2 of the size of every conjugate; notes the degree of each root in it.
  std::optional<double> SizeBits(const Sum& sum) {
    double total = 0;
    for (const auto& [monomial, coefficient] : sum) {
      double bits = static_cast<double>(coefficient.numerator().Bits());
      for (const auto& [id, power] : monomial) {
        if (!algebra_.Spend(50) || power < Rational(0)) return std::nullopt;
        int64_t& degree = degrees_[id];
        degree = std::lcm(std::max<int64_t>(degree, 1), power.denominator());
        if (degree > 64 || !(power < Rational(64))) return std::nullopt;
        const Atom& atom = algebra_.atoms_[id];
        const auto base = atom.kind == Atom::Kind::kInteger
                              ? static_cast<double>(atom.integer.Bits())
                              : SizeBits(atom.base);
        if (!base) return std::nullopt;
        bits += *base * static_cast<double>(power.numerator()) /
                static_cast<double>(power.denominator());
      }
      total = std::max(total, bits);
    }
    return total + std::log2(static_cast<double>(sum.size()) + 1) + 1;
  }

  std::optional<Ball> Evaluate(const Sum& sum) {
    Ball total;
    for (const auto& [monomial, coefficient] : sum) {
      if (!algebra_.Spend(200 + Cost())) return std::nullopt;
      Ball term{coefficient.numerator().ShiftedLeft(precision_) / coefficient.denominator(), 1};
      for (const auto& [id, power] : monomial) {
        const auto factor = Evaluate(id, power);
        if (!factor) return std::nullopt;
        term = Product(term, *factor);
      }
      total.middle = total.middle + term.middle;
      total.error = total.error + term.error;
    }
    return total;
  }

  std::optional<Ball> Evaluate(int id, const Rational& power) {
    const auto known = known_.find({id, precision_, power.numerator(), power.denominator()});
    if (known != known_.end()) return known->second;
    const Atom& atom = algebra_.atoms_[id];
    std::optional<Ball> base;
    if (atom.kind == Atom::Kind::kInteger) {
      base = Ball{atom.integer.ShiftedLeft(precision_), 0};
    } else {
      base = Evaluate(atom.base);
    }
    if (!base || base->middle <= base->error) return std::nullopt;
    const auto degree = static_cast<unsigned>(power.denominator());
    if (!algebra_.Spend(15 * Cost() * degree * degree)) return std::nullopt;
    const BigInteger low = RootOf(base->middle - base->error, degree);
    const BigInteger high = RootOf(base->middle + base->error, degree) + 1;
    const Ball root{low, high - low};
    Ball result{BigInteger(1).ShiftedLeft(precision_), 0};
    for (int64_t i = 0; i < power.numerator(); ++i) result = Product(result, root);
    known_[{id, precision_, power.numerator(), power.denominator()}] = result;
    return result;
  }

  BigInteger RootOf(const BigInteger& x, unsigned degree) const {
    return x.ShiftedLeft(precision_ * (degree - 1)).Root(degree);
  }

  Ball Product(const Ball& a, const Ball& b) const {
    const BigInteger error =
        a.middle.Abs() * b.error + b.middle.Abs() * a.error + a.error * b.error;
    return {(a.middle * b.middle).ShiftedRight(precision_), error.ShiftedRight(precision_) + 2};
  }

  // Nanoseconds of an operation at this precision.
  int64_t Cost() const { return 200 + static_cast<int64_t>(precision_ * precision_) / 2000; }

  Algebra& algebra_;
  const Sum& sum_;
  size_t precision_ = 0;
  std::map<int, int64_t> degrees_;
  std::map<std::tuple<int, size_t, int64_t, int64_t>, Ball> known_;
};

bool Algebra::IsAlgebraic(int id) const {
  const Atom& atom = atoms_[id];
  return atom.kind == Atom::Kind::kInteger || (atom.kind == Atom::Kind::kRoot && atom.is_real_root);
}

// Multiplies by what lies below: roots of sums and sines, which have rules of their own.
Sum Algebra::WithoutNegativePowers(const Sum& sum) {
  std::map<int, Rational> lowest;
  for (const auto& [monomial, coefficient] : sum) {
    for (const auto& [id, power] : monomial) {
      const Atom::Kind kind = atoms_[id].kind;
      if (kind != Atom::Kind::kRoot && kind != Atom::Kind::kSine) continue;
      Rational& low = lowest[id];
      if (power < low) low = power;
    }
  }
  Monomial factor;
  for (const auto& [id, low] : lowest) {
    if (low == Rational(0)) continue;
    factor.emplace_back(id, *Subtract(Rational(0), low));
  }
  if (factor.empty()) return sum;
  return Times(sum, {{factor, 1}});
}

// sin^2 = 1 - cos^2
Sum Algebra::WithoutSquaredSines(const Sum& sum) {
  Sum result = sum;
  for (bool changed = true; changed && ok();) {
    changed = false;
    Sum next;
    for (const auto& [monomial, coefficient] : result) {
      const auto sine = std::find_if(monomial.begin(), monomial.end(), [&](const auto& factor) {
        return atoms_[factor.first].kind == Atom::Kind::kSine && !(factor.second < Rational(2));
      });
      if (sine == monomial.end()) {
        AddTerm(next, monomial, coefficient);
        continue;
      }
      changed = true;
      Monomial rest = monomial;
      auto& power = rest[static_cast<size_t>(sine - monomial.begin())].second;
      power = *Subtract(power, Rational(2));
      std::erase_if(rest, [](const auto& factor) { return factor.second == Rational(0); });
      const Sum square = {{{}, 1}, {{{atoms_[sine->first].partner, Rational(2)}}, -1}};
      next = Plus(next, Times({{rest, coefficient}}, square));
    }
    result = std::move(next);
  }
  return result;
}

bool Algebra::IsZeroSum(Sum sum) {
  if (!ok()) return false;
  if (sum.size() <= 1) return sum.empty();
  sum = WithoutSquaredSines(WithoutNegativePowers(sum));
  // Coefficients of the products of everything that is not algebraic.
  std::map<Monomial, Sum> coefficients;
  for (const auto& [monomial, coefficient] : sum) {
    Monomial algebraic, other;
    for (const auto& factor : monomial) {
      (IsAlgebraic(factor.first) ? algebraic : other).push_back(factor);
    }
    coefficients[other].emplace(std::move(algebraic), coefficient);
  }
  if (!ok()) return false;
  for (const auto& [monomial, coefficient] : coefficients) {
    if (coefficient.size() == 1) return false;
    const auto sign = ZeroTest(*this, coefficient).Sign();
    if (!sign || *sign != 0) return false;
  }
  return ok();
}

std::optional<int> Algebra::Sign(const Quotient& a) {
  int sign = 1;
  for (const Sum* sum : {&a.above, &a.below}) {
    for (const auto& [monomial, coefficient] : *sum) {
      for (const auto& factor : monomial) {
        if (!IsAlgebraic(factor.first)) return std::nullopt;
      }
    }
    if (sum->empty()) return 0;
    const auto part = sum->size() == 1 ? std::optional(sum->begin()->second.Sign())
                                       : ZeroTest(*this, *sum).Sign();
    if (!part) return std::nullopt;
    sign *= *part;
  }
  return sign;
}

}  // namespace agon::envs
