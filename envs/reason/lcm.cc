// reason/lcm: the least common multiple, by way of the greatest common divisor.
//
//   What is the least common multiple of 12 and 18?
//   18=1*12+6
//   12=2*6
//   12/6=2, 2*18=36
//   Answer: 36
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "envs/reason/text.h"

namespace agon::envs {
namespace {

constexpr std::array<int64_t, 4> kHighest = {20, 60, 120, 40};

// At the highest difficulty three numbers.
Problem Draw(Rng& rng, int difficulty) {
  std::vector<int64_t> numbers(difficulty < 3 ? 2 : 3);
  for (int64_t& number : numbers) {
    number = rng.Between(2, kHighest[static_cast<size_t>(difficulty)]);
  }
  std::vector<std::string> steps;
  int64_t multiple = numbers[0];
  for (size_t i = 1; i < numbers.size(); ++i) {
    const int64_t divisor = GreatestCommonDivisor(multiple, numbers[i], &steps);
    const int64_t share = multiple / divisor;
    steps.push_back(std::to_string(multiple) + "/" + std::to_string(divisor) + "=" +
                    std::to_string(share) + ", " + std::to_string(share) + "*" +
                    std::to_string(numbers[i]) + "=" + std::to_string(share * numbers[i]));
    multiple = share * numbers[i];
  }
  std::string listed = Listed(numbers, " and ");
  std::string question = (rng.Below(2) == 0 ? "What is the least common multiple of "
                                            : "Which number is the smallest divisible by ") +
                         listed + "?";
  return {std::move(question), std::to_string(multiple), std::move(steps), {}, std::move(listed)};
}

std::unique_ptr<Env> MakeLcm(std::string_view params) {
  ProblemEnvSpec spec;
  spec.info.id = "reason/lcm-v1";
  spec.info.summary = "Least common multiple of two or three numbers";
  spec.info.num_difficulties = static_cast<int>(kHighest.size());
  spec.families = {{"lcm", Draw, 0.1}};
  spec.verify = VerifyNumber;
  return MakeProblemEnv(std::move(spec), params);
}

REGISTER_ENV("reason/lcm-v1", MakeLcm);

}  // namespace
}  // namespace agon::envs
