// reason/gcd: the greatest common divisor, by Euclid's algorithm.
//
//   What is the greatest common divisor of 84 and 36?
//   84=2*36+12
//   36=3*12
//   Answer: 12
#include <array>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "envs/reason/text.h"

namespace agon::envs {
namespace {

constexpr std::array<int64_t, 4> kHighest = {60, 200, 999, 400};

// A product of a common factor, so that 1 isn't the usual answer; at the highest
// difficulty three numbers.
Problem Draw(Rng& rng, int difficulty) {
  const int64_t high = kHighest[static_cast<size_t>(difficulty)];
  const int64_t factor = rng.Between(1, high / 4);
  std::vector<int64_t> numbers(difficulty < 3 ? 2 : 3);
  for (int64_t& number : numbers) number = factor * rng.Between(1, high / factor);
  std::vector<std::string> steps;
  int64_t divisor = numbers[0];
  for (size_t i = 1; i < numbers.size(); ++i) {
    divisor = GreatestCommonDivisor(divisor, numbers[i], &steps);
  }
  std::string listed = Listed(numbers, " and ");
  std::string question = (rng.Below(2) == 0 ? "What is the greatest common divisor of "
                                            : "Which number is the largest that divides ") +
                         listed + "?";
  return {std::move(question), std::to_string(divisor), std::move(steps), {}, std::move(listed)};
}

std::unique_ptr<Env> MakeGcd(std::string_view params) {
  ProblemEnvSpec spec;
  spec.info.id = "reason/gcd-v1";
  spec.info.summary = "Greatest common divisor of two or three numbers";
  spec.info.num_difficulties = static_cast<int>(kHighest.size());
  spec.families = {{"gcd", Draw, 0.3}};  // the last number often divides the others
  spec.verify = VerifyNumber;
  return MakeProblemEnv(std::move(spec), params);
}

REGISTER_ENV("reason/gcd-v1", MakeGcd);

}  // namespace
}  // namespace agon::envs
