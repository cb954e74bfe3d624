// reason/base_conversion: whole numbers in other bases and back.
//
//   Write 13 in base 2.                    Which number is 1101 in base 2?
//   13/2=6 rest 1                          1
//   6/2=3 rest 0                           1*2+1=3
//   3/2=1 rest 1                           3*2+0=6
//   1/2=0 rest 1                           6*2+1=13
//   Answer: 1101                           Answer: 13
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "envs/reason/text.h"

namespace agon::envs {
namespace {

struct Level {
  int64_t high;
  std::array<int64_t, 4> bases;
};
constexpr std::array<Level, 4> kLevels = {
    {{31, {2, 2, 3, 3}}, {255, {2, 3, 4, 5}}, {999, {2, 5, 7, 8}}, {9999, {6, 8, 9, 16}}}};
constexpr std::string_view kDigits = "0123456789abcdef";

std::string Text(int64_t number) { return std::to_string(number); }

struct Conversion {
  int64_t number, base;
  std::string digits;  // highest first
};

Conversion DrawConversion(Rng& rng, int difficulty) {
  const Level& level = kLevels[static_cast<size_t>(difficulty)];
  Conversion conversion{rng.Between(4, level.high), level.bases[rng.Below(level.bases.size())], ""};
  for (int64_t left = conversion.number; left > 0; left /= conversion.base) {
    conversion.digits += kDigits[static_cast<size_t>(left % conversion.base)];
  }
  std::reverse(conversion.digits.begin(), conversion.digits.end());
  return conversion;
}

Problem ToBase(Rng& rng, int difficulty) {
  const Conversion conversion = DrawConversion(rng, difficulty);
  const auto& [number, base, digits] = conversion;
  std::vector<std::string> steps;
  for (int64_t left = number; left > 0; left /= base) {
    const char digit = kDigits[static_cast<size_t>(left % base)];
    steps.push_back(Text(left) + "/" + Text(base) + "=" + Text(left / base) + " rest " + digit);
  }
  const std::string what = Text(number) + " in base " + Text(base);
  return {(rng.Below(2) == 0 ? "Write " : "Convert to another base: ") + what + ".",
          digits,
          std::move(steps),
          {},
          what};
}

Problem FromBase(Rng& rng, int difficulty) {
  const Conversion conversion = DrawConversion(rng, difficulty);
  const auto& [number, base, digits] = conversion;
  std::vector<std::string> steps;
  int64_t value = 0;
  for (const char c : digits) {
    const auto digit = static_cast<int64_t>(kDigits.find(c));
    const int64_t next = value * base + digit;
    steps.push_back(value == 0
                        ? Text(next)
                        : Text(value) + "*" + Text(base) + "+" + Text(digit) + "=" + Text(next));
    value = next;
  }
  const std::string what = digits + " in base " + Text(base);
  return {(rng.Below(2) == 0 ? "Which number is " : "What is in base 10: ") + what + "?",
          Text(number),
          std::move(steps),
          {},
          what};
}

std::unique_ptr<Env> MakeBaseConversion(std::string_view params) {
  ProblemEnvSpec spec;
  spec.info.id = "reason/base_conversion-v1";
  spec.info.summary = "Whole numbers in bases 2 to 16 and back";
  spec.info.num_difficulties = static_cast<int>(kLevels.size());
  spec.families = {{"to_base", ToBase, 0.05}, {"from_base", FromBase, 0.05}};
  spec.verify = VerifyText;
  return MakeProblemEnv(std::move(spec), params);
}

REGISTER_ENV("reason/base_conversion-v1", MakeBaseConversion);

}  // namespace
}  // namespace agon::envs
