// reason/fraction_simplification: a fraction in lowest terms.
//
//   Simplify 18/24.
//   24=1*18+6
//   18=3*6
//   18/6=3, 24/6=4
//   Answer: 3/4
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "envs/math/rational.h"
#include "envs/reason/text.h"

namespace agon::envs {
namespace {

struct Range {
  int64_t term, factor;
};
constexpr std::array<Range, 4> kHighest = {{{9, 9}, {15, 12}, {40, 25}, {99, 40}}};

Problem Draw(Rng& rng, int difficulty) {
  const auto [high, high_factor] = kHighest[static_cast<size_t>(difficulty)];
  int64_t a = 0, b = 0;
  do {
    a = rng.Between(1, high);
    b = rng.Between(2, high);
  } while (GreatestCommonDivisor(a, b) != 1);
  const int64_t factor = rng.Between(2, high_factor);
  std::vector<std::string> steps;
  GreatestCommonDivisor(a * factor, b * factor, &steps);
  const std::string top = std::to_string(a * factor), bottom = std::to_string(b * factor);
  const std::string divided = "/" + std::to_string(factor) + "=";
  steps.push_back(top + divided + std::to_string(a) + ", " + bottom + divided + std::to_string(b));
  std::string question =
      (rng.Below(2) == 0 ? "Simplify " : "Write in lowest terms: ") + top + "/" + bottom + ".";
  return {std::move(question),
          std::to_string(a) + "/" + std::to_string(b),
          std::move(steps),
          {},
          top + "/" + bottom};
}

// The gold's value written as "a/b" or "\frac{a}{b}" with the gold's very numbers.
Verdict VerifyLowestTerms(std::string_view answer, const std::vector<int64_t>& /*given*/,
                          std::string_view completion) {
  ExtractedAnswer found = ExtractText(completion);
  std::string text = found.text;
  if (text.starts_with("\\frac{") && text.ends_with('}')) {
    const size_t middle = text.find("}{");
    if (middle != std::string::npos) {
      text = text.substr(6, middle - 6) + "/" + text.substr(middle + 2);
      text.pop_back();
    }
  }
  if (text.ends_with('.')) text.pop_back();
  std::erase(text, ' ');
  if (text == answer) return Judged(std::move(found), "");
  const bool is_equal = ParseNumber(text) == ParseNumber(answer);
  return Judged(std::move(found),
                is_equal ? "not in lowest terms" : "wrong, the answer is " + std::string(answer));
}

std::unique_ptr<Env> MakeFractionSimplification(std::string_view params) {
  ProblemEnvSpec spec;
  spec.info.id = "reason/fraction_simplification-v1";
  spec.info.summary = "A fraction in lowest terms";
  spec.info.num_difficulties = static_cast<int>(kHighest.size());
  spec.families = {{"fraction", Draw, 0.05}};
  spec.verify = VerifyLowestTerms;
  return MakeProblemEnv(std::move(spec), params);
}

REGISTER_ENV("reason/fraction_simplification-v1", MakeFractionSimplification);

}  // namespace
}  // namespace agon::envs
