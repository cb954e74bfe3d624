#include "envs/math/big_rational.h"

#include <algorithm>

namespace agon::envs {
namespace {

std::optional<BigRational> Integer(BigInteger value) {
  if (value.Bits() > kMaxNumberBits) return std::nullopt;
  return BigRational(std::move(value));
}

}  // namespace

std::optional<BigRational> BigRational::Fraction(BigInteger numerator, BigInteger denominator) {
  if (denominator.Sign() == 0) return std::nullopt;
  if (denominator.Sign() < 0) {
    numerator = -numerator;
    denominator = -denominator;
  }
  if (!denominator.IsOne()) {
    const BigInteger divisor = BigInteger::Gcd(numerator, denominator);
    if (!divisor.IsOne()) {
      numerator = numerator / divisor;
      denominator = denominator / divisor;
    }
  }
  if (std::max(numerator.Bits(), denominator.Bits()) > kMaxNumberBits) return std::nullopt;
  BigRational result(std::move(numerator));
  result.denominator_ = std::move(denominator);
  return result;
}

BigRational BigRational::Negated() const {
  BigRational result = *this;
  result.numerator_ = -result.numerator_;
  return result;
}

std::string BigRational::ToString() const {
  return IsInteger() ? numerator_.ToString()
                     : numerator_.ToString() + "/" + denominator_.ToString();
}

bool operator<(const BigRational& a, const BigRational& b) {
  return a.numerator_ * b.denominator_ < b.numerator_ * a.denominator_;
}

std::optional<BigRational> Add(const BigRational& a, const BigRational& b) {
  if (a.IsInteger() && b.IsInteger()) return Integer(a.numerator() + b.numerator());
  return BigRational::Fraction(a.numerator() * b.denominator() + b.numerator() * a.denominator(),
                               a.denominator() * b.denominator());
}

std::optional<BigRational> Multiply(const BigRational& a, const BigRational& b) {
  if (a.IsInteger() && b.IsInteger()) return Integer(a.numerator() * b.numerator());
  return BigRational::Fraction(a.numerator() * b.numerator(), a.denominator() * b.denominator());
}

std::optional<BigRational> Divide(const BigRational& a, const BigRational& b) {
  return BigRational::Fraction(a.numerator() * b.denominator(), a.denominator() * b.numerator());
}

std::optional<BigRational> Power(const BigRational& base, int64_t exponent) {
  if (exponent == 0) return BigRational(1);
  if (base.Sign() == 0) return exponent > 0 ? std::optional(BigRational(0)) : std::nullopt;
  const bool is_unit = base.numerator().Bits() == 1 && base.IsInteger();
  if (is_unit) return BigRational(exponent % 2 != 0 ? base.Sign() : 1);
  const size_t bits = std::max(base.numerator().Bits(), base.denominator().Bits());
  // The power has at least (bits - 1) * |exponent| bits.
  const uint64_t size =
      exponent < 0 ? 0 - static_cast<uint64_t>(exponent) : static_cast<uint64_t>(exponent);
  if (size > kMaxNumberBits || (bits - 1) * size > kMaxNumberBits) return std::nullopt;
  BigInteger above = base.numerator().Power(static_cast<unsigned>(size));
  BigInteger below = base.denominator().Power(static_cast<unsigned>(size));
  if (exponent < 0) {
    std::swap(above, below);
    if (below.Sign() < 0) above = -above, below = -below;
  }
  if (std::max(above.Bits(), below.Bits()) > kMaxNumberBits) return std::nullopt;
  // Powers of numbers without a common divisor have none.
  BigRational result(std::move(above));
  result.denominator_ = std::move(below);
  return result;
}

int64_t CostNs(const BigRational& a, const BigRational& b) {
  const auto x = static_cast<int64_t>(a.numerator().Bits() + b.numerator().Bits());
  const auto y = static_cast<int64_t>(a.denominator().Bits() + b.denominator().Bits());
  // Measured: a product of n by m bits takes about n m / 8,000 ns, a greatest common
  // divisor n m / 120 ns.
  if (y <= 2) return 100 + x * x / 8000;
  return 200 + std::min(x, y) * std::max(x, y) / 120;
}

}  // namespace agon::envs
