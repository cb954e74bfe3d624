#include "envs/math/big_integer.h"

#include <boost/multiprecision/cpp_int.hpp>
#include <new>
#include <utility>

#include "core/error.h"

namespace agon::envs {
namespace {
using Number = boost::multiprecision::cpp_int;
}  // namespace

struct BigInteger::Access {
  static Number& Of(BigInteger& x) { return *std::launder(reinterpret_cast<Number*>(x.storage_)); }
  static const Number& Of(const BigInteger& x) {
    return *std::launder(reinterpret_cast<const Number*>(x.storage_));
  }
  static BigInteger Make(Number number) {
    BigInteger result;
    Of(result) = std::move(number);
    return result;
  }
};

BigInteger::BigInteger(int64_t value) {
  static_assert(sizeof(Number) <= kStorageBytes && alignof(Number) <= 16);
  new (storage_) Number(value);
}
BigInteger::BigInteger(const BigInteger& other) { new (storage_) Number(Access::Of(other)); }
BigInteger::BigInteger(BigInteger&& other) noexcept {
  new (storage_) Number(std::move(Access::Of(other)));
}
BigInteger& BigInteger::operator=(const BigInteger& other) {
  Access::Of(*this) = Access::Of(other);
  return *this;
}
BigInteger& BigInteger::operator=(BigInteger&& other) noexcept {
  Access::Of(*this) = std::move(Access::Of(other));
  return *this;
}
BigInteger::~BigInteger() { Access::Of(*this).~Number(); }

std::optional<BigInteger> BigInteger::FromDigits(std::string_view digits, int base) {
  AGON_CHECK(base >= 2 && base <= 36);
  if (digits.empty()) return std::nullopt;
  Number value = 0;
  // Digits are gathered in a machine word before they reach the big number.
  constexpr uint64_t kChunkLimit = uint64_t{1} << 56;
  uint64_t chunk = 0, scale = 1;
  for (const char c : digits) {
    int digit = 36;
    if (c >= '0' && c <= '9') digit = c - '0';
    if (c >= 'a' && c <= 'z') digit = c - 'a' + 10;
    if (c >= 'A' && c <= 'Z') digit = c - 'A' + 10;
    if (digit >= base) return std::nullopt;
    chunk = chunk * static_cast<uint64_t>(base) + static_cast<uint64_t>(digit);
    scale *= static_cast<uint64_t>(base);
    if (scale >= kChunkLimit) {
      value = value * scale + chunk;
      chunk = 0;
      scale = 1;
    }
  }
  return Access::Make(value * scale + chunk);
}

BigInteger BigInteger::Factorial(int n) {
  AGON_CHECK(n >= 0);
  Number product = 1;
  constexpr uint64_t kChunkLimit = uint64_t{1} << 40;
  uint64_t chunk = 1;
  for (int i = 2; i <= n; ++i) {
    chunk *= static_cast<uint64_t>(i);
    if (chunk >= kChunkLimit || i == n) product *= std::exchange(chunk, 1);
  }
  return Access::Make(std::move(product));
}

int BigInteger::Sign() const { return Access::Of(*this).sign(); }

size_t BigInteger::Bits() const {
  const Number& number = Access::Of(*this);
  if (number.is_zero()) return 0;
  return msb(number.sign() < 0 ? Number(-number) : number) + 1;
}

bool BigInteger::IsOne() const { return Access::Of(*this) == 1; }

std::optional<int64_t> BigInteger::ToInt64() const {
  if (Bits() > 63) return std::nullopt;
  return static_cast<int64_t>(Access::Of(*this));
}

std::string BigInteger::ToString() const { return Access::Of(*this).str(); }

BigInteger BigInteger::operator-() const { return Access::Make(-Access::Of(*this)); }

BigInteger operator+(const BigInteger& a, const BigInteger& b) {
  return BigInteger::Access::Make(BigInteger::Access::Of(a) + BigInteger::Access::Of(b));
}
BigInteger operator-(const BigInteger& a, const BigInteger& b) {
  return BigInteger::Access::Make(BigInteger::Access::Of(a) - BigInteger::Access::Of(b));
}
BigInteger operator*(const BigInteger& a, const BigInteger& b) {
  return BigInteger::Access::Make(BigInteger::Access::Of(a) * BigInteger::Access::Of(b));
}
BigInteger operator/(const BigInteger& a, const BigInteger& b) {
  AGON_CHECK(b.Sign() != 0);
  return BigInteger::Access::Make(BigInteger::Access::Of(a) / BigInteger::Access::Of(b));
}
BigInteger operator%(const BigInteger& a, const BigInteger& b) {
  AGON_CHECK(b.Sign() != 0);
  return BigInteger::Access::Make(BigInteger::Access::Of(a) % BigInteger::Access::Of(b));
}
bool operator==(const BigInteger& a, const BigInteger& b) {
  return BigInteger::Access::Of(a) == BigInteger::Access::Of(b);
}
std::strong_ordering operator<=>(const BigInteger& a, const BigInteger& b) {
  return BigInteger::Access::Of(a).compare(BigInteger::Access::Of(b)) <=> 0;
}

BigInteger BigInteger::ShiftedLeft(size_t bits) const {
  return Access::Make(Access::Of(*this) << bits);
}

BigInteger BigInteger::ShiftedRight(size_t bits) const {
  const Number& number = Access::Of(*this);
  // The library rounds shifted negative numbers down.
  return Access::Make(number.sign() < 0 ? Number(-(Number(-number) >> bits))
                                        : Number(number >> bits));
}

BigInteger BigInteger::Power(unsigned exponent) const {
  return Access::Make(pow(Access::Of(*this), exponent));
}

BigInteger BigInteger::Root(unsigned degree) const {
  const Number& number = Access::Of(*this);
  AGON_CHECK(number.sign() >= 0 && degree >= 1);
  if (degree == 1 || number <= 1) return *this;
  // Newton's iteration falls monotonically from any start above the root.
  Number root = Number(1) << ((Bits() + degree - 1) / degree);
  for (;;) {
    const Number next = ((degree - 1) * root + number / pow(root, degree - 1)) / degree;
    if (next >= root) return Access::Make(std::move(root));
    root = next;
  }
}

BigInteger BigInteger::Gcd(const BigInteger& a, const BigInteger& b) {
  if (a.IsOne() || b.IsOne()) return 1;
  // The library steps bit by bit where the sizes are far apart; one remainder closes the gap.
  constexpr size_t kGapBits = 64;
  const size_t a_bits = a.Bits(), b_bits = b.Bits();
  if (b_bits > 0 && a_bits > b_bits + kGapBits) return Gcd(a % b, b);
  if (a_bits > 0 && b_bits > a_bits + kGapBits) return Gcd(a, b % a);
  return Access::Make(gcd(Access::Of(a), Access::Of(b)));
}

}  // namespace agon::envs
