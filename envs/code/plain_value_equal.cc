// Equality as Python's, in C++, where no candidate can reach.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <utility>

#include "core/error.h"
#include "envs/code/plain_value.h"
#include "envs/code/plain_value_key.h"

namespace agon::envs {
namespace {

using Kind = PlainValue::Kind;

bool IsReal(const PlainValue& value) {
  return value.kind == Kind::kBool || value.kind == Kind::kInt || value.kind == Kind::kFloat;
}
bool IsNumber(const PlainValue& value) { return IsReal(value) || value.kind == Kind::kComplex; }
bool IsSet(const PlainValue& value) {
  return value.kind == Kind::kSet || value.kind == Kind::kFrozenSet;
}

// Exactly the whole number `number`, which is finite.
std::string HexOfWhole(double number) {
  int exponent;
  const double fraction = std::frexp(std::fabs(number), &exponent);
  auto mantissa = static_cast<uint64_t>(std::ldexp(fraction, 53));
  int shift = exponent - 53;
  for (; shift < 0; ++shift) mantissa >>= 1;  // whole, so that only zeros are lost
  mantissa <<= shift % 4;
  char digits[24];
  std::snprintf(digits, sizeof(digits), "%s0x%llx", number < 0 ? "-" : "",
                static_cast<unsigned long long>(mantissa));
  return digits + std::string(mantissa == 0 ? 0 : shift / 4, '0');
}

std::string HexOf(int64_t integer) {
  char digits[24];
  const auto magnitude = static_cast<uint64_t>(integer);
  std::snprintf(digits, sizeof(digits), "%s0x%llx", integer < 0 ? "-" : "",
                static_cast<unsigned long long>(integer < 0 ? 0 - magnitude : magnitude));
  return digits;
}

std::string FloatKey(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  if (number == std::trunc(number)) return HexOfWhole(number);
  char digits[32];
  std::snprintf(digits, sizeof(digits), "%a", number);
  return digits;
}

std::string NumberKey(const PlainValue& value) {
  switch (value.kind) {
    case Kind::kBool:
      return value.boolean ? "0x1" : "0x0";
    case Kind::kInt:
      return value.text.empty() ? HexOf(value.integer) : value.text;
    case Kind::kFloat:
      return FloatKey(value.number);
    default:
      return value.imaginary == 0 ? FloatKey(value.number)
                                  : FloatKey(value.number) + "+" + FloatKey(value.imaginary) + "j";
  }
}

double RealOf(const PlainValue& value) {
  if (value.kind == Kind::kBool) return value.boolean;
  if (value.kind == Kind::kInt && value.text.empty()) return static_cast<double>(value.integer);
  return value.kind == Kind::kInt ? std::strtod(value.text.c_str(), nullptr) : value.number;
}

bool EqualNumbers(const PlainValue& expected, const PlainValue& actual,
                  std::optional<double> tolerance) {
  const bool same_ints = expected.kind == Kind::kInt && actual.kind == Kind::kInt;
  if (same_ints) return expected.integer == actual.integer && expected.text == actual.text;
  if (NumberKey(expected) == NumberKey(actual)) return true;
  const bool has_float = expected.kind == Kind::kFloat || actual.kind == Kind::kFloat ||
                         expected.kind == Kind::kComplex || actual.kind == Kind::kComplex;
  if (!tolerance || !has_float) return false;
  const double distance =
      std::hypot(RealOf(expected) - RealOf(actual), expected.imaginary - actual.imaginary);
  const double size = std::hypot(RealOf(expected), expected.imaginary);
  return std::isfinite(size) && distance <= *tolerance * std::max(1.0, size);
}

std::vector<std::string> SortedKeys(const PlainValue& set) {
  std::vector<std::string> keys;
  for (const PlainValue& item : set.items) keys.push_back(PlainValueKey(item).value_or(""));
  std::sort(keys.begin(), keys.end());
  return keys;
}

bool EqualDicts(const PlainValue& expected, const PlainValue& actual,
                std::optional<double> tolerance) {
  std::map<std::string, const PlainValue*> values;
  for (size_t i = 0; i < actual.items.size(); i += 2) {
    values[PlainValueKey(actual.items[i]).value_or("")] = &actual.items[i + 1];
  }
  for (size_t i = 0; i < expected.items.size(); i += 2) {
    const auto found = values.find(PlainValueKey(expected.items[i]).value_or(""));
    if (found == values.end()) return false;
    if (!EqualPlainValues(expected.items[i + 1], *found->second, tolerance)) return false;
  }
  return true;
}

}  // namespace

std::optional<std::string> PlainValueKey(const PlainValue& value) {
  if (IsNumber(value)) return "n" + NumberKey(value);
  switch (value.kind) {
    case Kind::kNone:
      return "-";
    case Kind::kStr:
      return "s" + std::to_string(value.text.size()) + ":" + value.text;
    case Kind::kBytes:
      return "b" + value.text;
    case Kind::kType:
      return "t" + value.text;
    case Kind::kTuple:
    case Kind::kFrozenSet:
      break;
    default:
      return std::nullopt;
  }
  std::vector<std::string> keys;
  for (const PlainValue& item : value.items) {
    auto key = PlainValueKey(item);
    if (!key) return std::nullopt;
    keys.push_back(std::move(*key));
  }
  if (value.kind == Kind::kFrozenSet) std::sort(keys.begin(), keys.end());
  std::string all = value.kind == Kind::kTuple ? "(" : "{";
  for (const std::string& key : keys) all += std::to_string(key.size()) + ":" + key;
  return all;
}

bool EqualPlainValues(const PlainValue& expected, const PlainValue& actual,
                      std::optional<double> tolerance) {
  if (IsNumber(expected) && IsNumber(actual)) return EqualNumbers(expected, actual, tolerance);
  const bool both_sets = IsSet(expected) && IsSet(actual);
  if (expected.kind != actual.kind && !both_sets) return false;
  if (expected.items.size() != actual.items.size()) return false;
  if (both_sets) return SortedKeys(expected) == SortedKeys(actual);
  switch (expected.kind) {
    case Kind::kList:
    case Kind::kTuple:
      for (size_t i = 0; i < expected.items.size(); ++i) {
        if (!EqualPlainValues(expected.items[i], actual.items[i], tolerance)) return false;
      }
      return true;
    case Kind::kDict:
      return EqualDicts(expected, actual, tolerance);
    default:
      return expected.text == actual.text;
  }
}

}  // namespace agon::envs
