// Exact rational numbers, and the numbers that people write in answers.
//
// Equality is exact: 9.11 differs from 9.9, 1/3 from 0.333, and nothing is ever rounded.
// Everything here is pure and thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace agon::envs {

// numerator / denominator in lowest terms, denominator > 0, each within 64 bits. A result
// that doesn't fit is nullopt, never a wrapped number.
class Rational {
 public:
  constexpr Rational(int64_t integer = 0) : numerator_(integer) {}  // NOLINT: converts on purpose
  // nullopt if the denominator is 0 or the reduced fraction doesn't fit.
  static std::optional<Rational> Fraction(int64_t numerator, int64_t denominator);

  int64_t numerator() const { return numerator_; }
  int64_t denominator() const { return denominator_; }
  bool IsInteger() const { return denominator_ == 1; }

  bool operator==(const Rational&) const = default;
  bool operator<(const Rational& other) const;

  // "42", "-3", "9.11" where the decimal expansion ends, else "1/3".
  std::string ToString() const;

 private:
  int64_t numerator_;
  int64_t denominator_ = 1;
};

// nullopt on overflow, and for Divide on a zero divisor.
std::optional<Rational> Add(const Rational& a, const Rational& b);
std::optional<Rational> Subtract(const Rational& a, const Rational& b);
std::optional<Rational> Multiply(const Rational& a, const Rational& b);
std::optional<Rational> Divide(const Rational& a, const Rational& b);

// The one number in `text`, from untrusted bytes in linear time:
//   "42"  "-7"  "+3"  ".5"  "9.11"  "3/4"  "1,234,567"  "$13"  "-$2"  "13."  "5 apples"
// Spaces around it, a sign, one leading $, a final full stop and up to two unit words are
// tolerated. nullopt for anything else: two numbers, hedges ("3 or 4"), words that change
// the value ("5 million", "5 percent"), misplaced commas, more than 18 digits.
std::optional<Rational> ParseNumber(std::string_view text);

// `text` without spaces, tabs and line ends around it.
std::string_view TrimSpace(std::string_view text);

}  // namespace agon::envs
