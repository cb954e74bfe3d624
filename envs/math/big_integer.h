// Whole numbers of any size, the ground on which grading stands: nothing is ever rounded.
//
// Values, not views: copying copies the digits. Results are exact; callers bound them
// with Bits(), since a product has the bits of both factors. Pure, thread-safe between
// objects. A wrapper, so that the library behind it (Boost.Multiprecision) stays inside
// big_integer.cc.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace agon::envs {

class BigInteger {
 public:
  BigInteger(int64_t value = 0);  // NOLINT: converts on purpose
  BigInteger(const BigInteger& other);
  BigInteger(BigInteger&& other) noexcept;
  BigInteger& operator=(const BigInteger& other);
  BigInteger& operator=(BigInteger&& other) noexcept;
  ~BigInteger();

  // The value of digits 0-9, a-z or A-Z in `base` (2 to 36). nullopt if `digits` is empty,
  // holds any other byte, or a digit that the base lacks. Quadratic in their number.
  static std::optional<BigInteger> FromDigits(std::string_view digits, int base = 10);
  // n! for n >= 0; quadratic in its bits, so callers bound n.
  static BigInteger Factorial(int n);

  int Sign() const;     // -1, 0 or 1
  size_t Bits() const;  // of the absolute value; 0 has none
  bool IsOne() const;
  std::optional<int64_t> ToInt64() const;
  std::string ToString() const;

  BigInteger operator-() const;
  friend BigInteger operator+(const BigInteger& a, const BigInteger& b);
  friend BigInteger operator-(const BigInteger& a, const BigInteger& b);
  friend BigInteger operator*(const BigInteger& a, const BigInteger& b);
  // Rounded towards zero; % takes the sign of `a`. REQUIRES: b != 0
  friend BigInteger operator/(const BigInteger& a, const BigInteger& b);
  friend BigInteger operator%(const BigInteger& a, const BigInteger& b);
  friend bool operator==(const BigInteger& a, const BigInteger& b);
  friend std::strong_ordering operator<=>(const BigInteger& a, const BigInteger& b);

  BigInteger Abs() const { return Sign() < 0 ? -*this : *this; }
  BigInteger ShiftedLeft(size_t bits) const;
  // Rounded towards zero.
  BigInteger ShiftedRight(size_t bits) const;
  BigInteger Power(unsigned exponent) const;
  // The largest r with r^degree <= *this. REQUIRES: *this >= 0, degree >= 1
  BigInteger Root(unsigned degree) const;
  // Never negative.
  static BigInteger Gcd(const BigInteger& a, const BigInteger& b);

 private:
  struct Access;  // to the library's number in `storage_`
  static constexpr size_t kStorageBytes = 32;
  alignas(16) std::byte storage_[kStorageBytes];
};

}  // namespace agon::envs
