// Exact fractions of big integers, bounded so that no answer can eat memory or time.
//
// Everything here is pure and thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "envs/math/big_integer.h"

namespace agon::envs {

// 2004! has 19,097 bits. A number beyond this is "too large", never rounded.
inline constexpr size_t kMaxNumberBits = 32768;

// numerator / denominator in lowest terms, denominator > 0, each within kMaxNumberBits.
class BigRational {
 public:
  BigRational(int64_t integer = 0) : numerator_(integer), denominator_(1) {}  // NOLINT: converts
  explicit BigRational(BigInteger integer) : numerator_(std::move(integer)), denominator_(1) {}
  // nullopt if the denominator is 0 or the reduced fraction is too large.
  static std::optional<BigRational> Fraction(BigInteger numerator, BigInteger denominator);

  const BigInteger& numerator() const { return numerator_; }
  const BigInteger& denominator() const { return denominator_; }
  bool IsInteger() const { return denominator_.IsOne(); }
  bool IsOne() const { return IsInteger() && numerator_.IsOne(); }
  int Sign() const { return numerator_.Sign(); }
  size_t Bits() const { return numerator_.Bits() + denominator_.Bits(); }
  BigRational Negated() const;
  // "3", "-1/2"
  std::string ToString() const;

  friend bool operator==(const BigRational& a, const BigRational& b) {
    return a.numerator_ == b.numerator_ && a.denominator_ == b.denominator_;
  }
  friend bool operator<(const BigRational& a, const BigRational& b);
  // base^exponent; nullopt if too large, and for 0 to a negative power. 0^0 is 1.
  friend std::optional<BigRational> Power(const BigRational& base, int64_t exponent);

 private:
  BigInteger numerator_, denominator_;
};

// nullopt where the result is too large, and for Divide by zero.
std::optional<BigRational> Add(const BigRational& a, const BigRational& b);
std::optional<BigRational> Multiply(const BigRational& a, const BigRational& b);
std::optional<BigRational> Divide(const BigRational& a, const BigRational& b);
std::optional<BigRational> Power(const BigRational& base, int64_t exponent);

// About how many nanoseconds an operation on `a` and `b` takes, the reduction included.
int64_t CostNs(const BigRational& a, const BigRational& b);

}  // namespace agon::envs
