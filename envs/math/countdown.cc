// math/countdown: reach a target with given numbers, each used exactly once.
//
//   Make 12 from 3, 5 and 9. Use each number once.
//   9+5=14, 14-3=11 no     9-5=4, 4*3=12 yes     Answer: (9-5)*3
//
// Every task is solvable: the target is what a random calculation gave. Any expression
// that uses the numbers and reaches the target is right. Source: the game of TinyZero
// (github.com/Jiayi-Pan/TinyZero) and of the television programme.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "envs/math/expression.h"
#include "envs/math/extract.h"
#include "envs/problem_env.h"

namespace agon::envs {
namespace {

constexpr int kNumDifficulties = 4;
constexpr int64_t kMaxValue = 99;

// A partial result and how it was written.
struct Term {
  int64_t value = 0;
  std::string text;
  int precedence = 3;  // 1: sum, 2: product, 3: a number
};

std::optional<int64_t> Apply(int64_t a, char op, int64_t b) {
  switch (op) {
    case '+':
      return a + b <= kMaxValue ? std::optional(a + b) : std::nullopt;
    case '-':
      return a >= b ? std::optional(a - b) : std::nullopt;
    case '*':
      return a * b <= kMaxValue ? std::optional(a * b) : std::nullopt;
    default:
      return b != 0 && a % b == 0 ? std::optional(a / b) : std::nullopt;
  }
}

Term Combine(const Term& a, char op, const Term& b, int64_t value) {
  const int precedence = op == '+' || op == '-' ? 1 : 2;
  const bool is_strict = op == '-' || op == '/';
  const bool wrap_a = a.precedence < precedence;
  const bool wrap_b = b.precedence < precedence || (is_strict && b.precedence == precedence);
  const auto wrapped = [](const Term& term, bool wrap) {
    return wrap ? "(" + term.text + ")" : term.text;
  };
  std::string text = wrapped(a, wrap_a);
  text += op;
  text += wrapped(b, wrap_b);
  return {value, std::move(text), precedence};
}

struct Calculation {
  Term result;
  std::string work;  // "8-5=3, 3*4=12"
};

// Combines random pairs until one value is left.
Calculation Calculate(Rng& rng, const std::vector<int64_t>& numbers, std::string_view ops) {
  std::vector<Term> terms;
  for (const int64_t number : numbers) terms.push_back({number, std::to_string(number), 3});
  std::string work;
  while (terms.size() > 1) {
    rng.Shuffle(terms);
    Term& a = terms[terms.size() - 2];
    Term& b = terms.back();
    char op = ops[rng.Below(ops.size())];
    if ((op == '-' || op == '/') && a.value < b.value) std::swap(a, b);
    auto value = Apply(a.value, op, b.value);
    if (!value) {
      // A difference of the larger and the smaller always exists.
      if (a.value < b.value) std::swap(a, b);
      op = '-';
      value = a.value - b.value;
    }
    if (!work.empty()) work += ", ";
    work += std::to_string(a.value) + op + std::to_string(b.value) + "=" + std::to_string(*value);
    a = Combine(a, op, b, *value);
    terms.pop_back();
  }
  return {terms.front(), std::move(work)};
}

std::string Listed(const std::vector<int64_t>& numbers) {
  std::string text;
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (i > 0) text += i + 1 == numbers.size() ? " and " : ", ";
    text += std::to_string(numbers[i]);
  }
  return text;
}

// The work shows up to two tries that miss, then the hit.
Problem DrawGame(Rng& rng, size_t num_numbers, std::string_view ops) {
  std::vector<int64_t> numbers(num_numbers);
  Calculation hit;
  do {
    for (int64_t& number : numbers) number = rng.Between(1, 12);
    hit = Calculate(rng, numbers, ops);
  } while (hit.result.value == 0);
  const int64_t target = hit.result.value;
  std::vector<std::string> steps;
  for (uint64_t tries = rng.Below(3); tries > 0; --tries) {
    const Calculation miss = Calculate(rng, numbers, ops);
    if (miss.result.value != target) steps.push_back(miss.work + " no");
  }
  steps.push_back(hit.work + " yes");
  constexpr std::array<std::string_view, 2> kRules = {". Use each number once.",
                                                      ", using each number exactly once."};
  std::string question = "Make " + std::to_string(target) + " from " + Listed(numbers);
  question += kRules[rng.Below(kRules.size())];
  std::vector<int64_t> sorted = numbers;
  std::sort(sorted.begin(), sorted.end());
  std::string identity = Listed(sorted) + " to " + std::to_string(target);
  numbers.push_back(target);
  return {std::move(question), hit.result.text, std::move(steps), std::move(numbers),
          std::move(identity)};
}

// 0: three numbers, sums; 1: all operations; 2 and 3: the same with four numbers.
Problem Draw(Rng& rng, int difficulty) {
  return DrawGame(rng, difficulty < 2 ? 3 : 4, difficulty % 2 == 0 ? "+-" : "+-*/");
}

// `given` is the numbers, then the target. "(8-5)*4 = 12" is taken for "(8-5)*4".
Verdict VerifyExpression(std::string_view /*answer*/, const std::vector<int64_t>& given,
                         std::string_view completion) {
  ExtractedAnswer found = ExtractAnswer(completion);
  if (found.text.empty()) return {false, "", std::move(found.problem)};
  std::string_view text = found.text;
  if (text.back() == '.') text.remove_suffix(1);
  const Rational target = given.empty() ? 0 : given.back();
  if (const size_t equals = text.find('='); equals != std::string_view::npos) {
    if (ParseNumber(text.substr(equals + 1)) != target) {
      return {false, std::move(found.text), "the target is " + target.ToString()};
    }
    text = text.substr(0, equals);
  }
  Evaluation evaluation = Evaluate(text);
  if (!evaluation.value) return {false, std::move(found.text), std::move(evaluation.problem)};
  std::vector<Rational> wanted(given.begin(), given.empty() ? given.end() : given.end() - 1);
  std::sort(wanted.begin(), wanted.end());
  std::sort(evaluation.numbers.begin(), evaluation.numbers.end());
  if (evaluation.numbers != wanted) {
    return {false, std::move(found.text), "not each number exactly once"};
  }
  if (*evaluation.value != target) {
    return {false, std::move(found.text), "gives " + evaluation.value->ToString()};
  }
  return {true, std::move(found.text), "right"};
}

std::unique_ptr<Env> MakeCountdown(std::string_view params) {
  ProblemEnvSpec spec;
  spec.info.id = "math/countdown-v1";
  spec.info.summary = "Reach a target with given numbers, each used exactly once";
  spec.info.num_difficulties = kNumDifficulties;
  spec.families = {{"countdown", Draw}};
  spec.verify = VerifyExpression;
  return MakeProblemEnv(std::move(spec), params);
}

REGISTER_ENV("math/countdown-v1", MakeCountdown);

}  // namespace
}  // namespace agon::envs
