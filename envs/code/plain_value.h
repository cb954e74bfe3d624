// Values as they cross between boxes and the host: Python's builtin types and nothing else.
//
// As JSON, in task files and on a box's channel:
//
//   None, True, 1, 1.5, "a", [1, 2], {"a": 1}   null, true, 1, 1.5, "a", [1, 2], {"a": 1}
//   (1, 2), {1}, frozenset({1})    {"$tuple": [1, 2]}, {"$set": [1]}, {"$frozenset": [1]}
//   {1: "a", "$b": 2}              {"$dict": [[1, "a"], ["$b", 2]]}
//   2**64, nan, inf                {"$int": "0x1" + 16 zeros}, {"$float": "nan"}, "inf", "-inf"
//   b"\x00", 1+2j, int             {"$bytes": "00"}, {"$complex": [1.0, 2.0]}, {"$type": "int"}
//
// A whole number beyond 64 bits must be written as "$int": JSON readers round it otherwise.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agon::envs {

struct PlainValue {
  enum class Kind {
    kNone,
    kBool,
    kInt,
    kFloat,
    kComplex,
    kStr,
    kBytes,
    kType,
    kList,
    kTuple,
    kSet,
    kFrozenSet,
    kDict,
  };

  Kind kind = Kind::kNone;
  bool boolean = false;
  int64_t integer = 0;  // of an int that fits
  double number = 0;    // of a float; a complex number's real part
  double imaginary = 0;
  // UTF-8 of a str, the bytes in hexadecimal, a type's name; of an int that doesn't fit in
  // 64 bits "-0x1f...", without leading zeros.
  std::string text;
  std::vector<PlainValue> items;  // of a dict: key, value, key, value, ...
};

// Reads untrusted bytes: at most 64 levels deep. Throws Error(kCorrupt) with `where` on
// anything but the form above; also where the members of a set or the keys of a dict repeat
// or can't be hashed, which no Python value shows.
PlainValue ParsePlainValue(std::string_view json, std::string_view where);

// One line of JSON that ParsePlainValue reads back.
std::string PlainValueJson(const PlainValue& value);

// Whether `actual == expected` in Python: 2 == 2.0 == (2+0j), True == 1, a list is no tuple,
// sets and dicts regardless of order, an int and a float exactly. Unlike there, NaN equals
// NaN. With a tolerance t, floats may differ by t * max(1, |expected|) where one of the two
// is a float, but not as members of a set or keys.
bool EqualPlainValues(const PlainValue& expected, const PlainValue& actual,
                      std::optional<double> tolerance = std::nullopt);

// For reports: at most `max_bytes` of the value's JSON.
std::string ShowPlainValue(const PlainValue& value, size_t max_bytes = 80);

}  // namespace agon::envs
