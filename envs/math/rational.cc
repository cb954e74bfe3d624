#include "envs/math/rational.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <utility>

#include "core/ascii.h"
#include "envs/math/vocabulary.h"

namespace agon::envs {
namespace {

constexpr int kMaxDigits = 18;  // 10^18 fits in 63 bits
constexpr int kMaxUnitWords = 2;
constexpr std::string_view kSpace = " \t\r\n";

// Further words after a number that change its value.
constexpr std::array<std::string_view, 4> kNotUnits = {"percent", "k", "m", "b"};

std::optional<Rational> Reduced(__int128 numerator, __int128 denominator) {
  if (denominator == 0) return std::nullopt;
  if (denominator < 0) numerator = -numerator, denominator = -denominator;
  __int128 a = numerator < 0 ? -numerator : numerator, b = denominator;
  while (b != 0) a = std::exchange(b, a % b);
  numerator /= a, denominator /= a;
  constexpr __int128 kMax = std::numeric_limits<int64_t>::max();
  if (numerator > kMax || numerator < -kMax || denominator > kMax) return std::nullopt;
  return Rational::Fraction(static_cast<int64_t>(numerator), static_cast<int64_t>(denominator));
}

// Reads digits with optional thousands groups. False if there are none, if a comma does
// not stand before exactly three digits, or if there are too many.
bool ReadDigits(std::string_view& text, bool allow_groups, std::string& digits) {
  size_t length = 0;
  while (length < text.size() && IsAsciiDigit(text[length])) ++length;
  digits.append(text.substr(0, length));
  text.remove_prefix(length);
  if (allow_groups && length >= 1 && length <= 3) {
    const auto is_group = [&] {
      return text.size() >= 4 && text[0] == ',' && IsAsciiDigit(text[1]) && IsAsciiDigit(text[2]) &&
             IsAsciiDigit(text[3]) && (text.size() == 4 || !IsAsciiDigit(text[4]));
    };
    while (is_group()) {
      digits.append(text.substr(1, 3));
      text.remove_prefix(4);
    }
  }
  return length > 0 && digits.size() <= kMaxDigits;
}

// `digits` has at most kMaxDigits decimal digits.
int64_t ToInteger(std::string_view digits) {
  int64_t value = 0;
  for (char digit : digits) value = value * 10 + (digit - '0');
  return value;
}

int64_t PowerOfTen(size_t exponent) {
  int64_t power = 1;
  while (exponent-- > 0) power *= 10;
  return power;
}

// What may follow a number: a full stop, unit words, or both.
bool IsUnits(std::string_view text) {
  if (!text.empty() && text.back() == '.') text.remove_suffix(1);
  int num_words = 0;
  while (!text.empty()) {
    const size_t start = text.find_first_not_of(kSpace);
    if (start == 0 || start == std::string_view::npos) return false;
    text.remove_prefix(start);
    size_t length = 0;
    while (length < text.size() && IsAsciiLetter(text[length])) ++length;
    if (length == 0 || length > 20 || ++num_words > kMaxUnitWords) return false;
    std::string word(text.substr(0, length));
    for (char& c : word) c = static_cast<char>(c | 0x20);
    if (std::find(kNotUnits.begin(), kNotUnits.end(), word) != kNotUnits.end()) return false;
    if (ChangesValue(word) || Magnitude(word) != 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace

std::optional<Rational> Rational::Fraction(int64_t numerator, int64_t denominator) {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  if (denominator <= 0 || numerator == kMin || std::gcd(numerator, denominator) != 1) {
    if (denominator == 0) return std::nullopt;
    return Reduced(numerator, denominator);
  }
  Rational result(numerator);
  result.denominator_ = denominator;
  return result;
}

bool Rational::operator<(const Rational& other) const {
  return static_cast<__int128>(numerator_) * other.denominator_ <
         static_cast<__int128>(other.numerator_) * denominator_;
}

std::string Rational::ToString() const {
  int64_t scale = 1;
  size_t num_decimals = 0;
  while (scale % denominator_ != 0 && num_decimals < kMaxDigits) scale *= 10, ++num_decimals;
  const __int128 scaled = static_cast<__int128>(numerator_) * (scale / denominator_);
  const bool fits = scaled <= std::numeric_limits<int64_t>::max() &&
                    scaled >= -std::numeric_limits<int64_t>::max();
  if (scale % denominator_ != 0 || !fits) {
    return std::to_string(numerator_) + "/" + std::to_string(denominator_);
  }
  if (num_decimals == 0) return std::to_string(numerator_);
  std::string digits = std::to_string(static_cast<int64_t>(scaled < 0 ? -scaled : scaled));
  if (digits.size() <= num_decimals) digits.insert(0, num_decimals + 1 - digits.size(), '0');
  std::string text = numerator_ < 0 ? "-" : "";
  text.append(digits, 0, digits.size() - num_decimals).append(".");
  return text.append(digits, digits.size() - num_decimals);
}

std::optional<Rational> Add(const Rational& a, const Rational& b) {
  return Reduced(static_cast<__int128>(a.numerator()) * b.denominator() +
                     static_cast<__int128>(b.numerator()) * a.denominator(),
                 static_cast<__int128>(a.denominator()) * b.denominator());
}

std::optional<Rational> Subtract(const Rational& a, const Rational& b) {
  return Reduced(static_cast<__int128>(a.numerator()) * b.denominator() -
                     static_cast<__int128>(b.numerator()) * a.denominator(),
                 static_cast<__int128>(a.denominator()) * b.denominator());
}

std::optional<Rational> Multiply(const Rational& a, const Rational& b) {
  return Reduced(static_cast<__int128>(a.numerator()) * b.numerator(),
                 static_cast<__int128>(a.denominator()) * b.denominator());
}

std::optional<Rational> Divide(const Rational& a, const Rational& b) {
  return Reduced(static_cast<__int128>(a.numerator()) * b.denominator(),
                 static_cast<__int128>(a.denominator()) * b.numerator());
}

std::string_view TrimSpace(std::string_view text) {
  const size_t start = text.find_first_not_of(kSpace);
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(kSpace) - start + 1);
}

std::optional<Rational> ParseNumber(std::string_view text) {
  text = TrimSpace(text);
  bool negative = false, has_sign = false, has_dollar = false;
  while (!text.empty() && (text[0] == '-' || text[0] == '+' || text[0] == '$')) {
    bool& seen = text[0] == '$' ? has_dollar : has_sign;
    if (std::exchange(seen, true)) return std::nullopt;
    negative |= text[0] == '-';
    text.remove_prefix(1);
  }
  std::string digits;
  int64_t denominator = 1;
  const bool has_whole = !text.empty() && text[0] != '.';
  if (has_whole && !ReadDigits(text, /*allow_groups=*/true, digits)) return std::nullopt;
  if (text.size() >= 2 && text[0] == '.' && IsAsciiDigit(text[1])) {
    const size_t num_whole_digits = digits.size();
    text.remove_prefix(1);
    if (!ReadDigits(text, /*allow_groups=*/false, digits)) return std::nullopt;
    denominator = PowerOfTen(digits.size() - num_whole_digits);
  } else if (has_whole && text.size() >= 2 && text[0] == '/' && IsAsciiDigit(text[1])) {
    text.remove_prefix(1);
    std::string below;
    if (!ReadDigits(text, /*allow_groups=*/false, below)) return std::nullopt;
    denominator = ToInteger(below);
  }
  if (digits.empty() || !IsUnits(text)) return std::nullopt;
  const int64_t numerator = ToInteger(digits);
  return Rational::Fraction(negative ? -numerator : numerator, denominator);
}

}  // namespace agon::envs
