// math/arithmetic: sums in figures: chains, parentheses, products, decimals and
// comparisons such as 9.11 with 9.9.
//
//   What is 12 + 7 - 5 + 9?      12+7=19  19-5=14  14+9=23  Answer: 23
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "envs/math/rational.h"
#include "envs/math/word_problem.h"
#include "envs/problem_env.h"

namespace agon::envs {
namespace {

constexpr int kNumDifficulties = 4;

// Asks for the value of `expression` in one of several wordings.
Problem Ask(Rng& rng, std::string expression, std::string answer, std::vector<std::string> steps) {
  constexpr std::array<std::string_view, 3> kBefore = {"What is ", "Compute ", "Work out "};
  const size_t wording = rng.Below(kBefore.size());
  std::string question(kBefore[wording]);
  question.append(expression).append(wording == 0 ? "?" : ".");
  return {std::move(question), std::move(answer), std::move(steps), {}, std::move(expression)};
}

std::string Spaced(char op) { return {' ', op, ' '}; }

// "12 + 7 - 5 + 9", two to six terms, no partial sum below zero.
Problem Chain(Rng& rng, int difficulty) {
  Steps steps;
  int64_t value = rng.Between(1, 20);
  std::string expression = std::to_string(value);
  for (int64_t left = rng.Between(difficulty + 1, difficulty + 2); left > 0; --left) {
    const int64_t term = rng.Between(1, difficulty < 2 ? 9 : 20);
    const char op = value >= term && rng.Below(2) == 0 ? '-' : '+';
    expression += Spaced(op) + std::to_string(term);
    value = steps.Apply(value, op, term);
  }
  return Ask(rng, expression, std::to_string(value), steps.Take());
}

// "3 * 4 + 5 * 2 - 6": products before sums.
Problem Products(Rng& rng, int difficulty) {
  Steps steps;
  const int64_t high = difficulty == 0 ? 9 : difficulty == 1 ? 6 : 5;
  const auto product = [&](std::string& expression) {
    const int64_t a = rng.Between(2, high), b = rng.Between(2, high);
    expression += std::to_string(a) + " * " + std::to_string(b);
    return steps.Apply(a, '*', b);
  };
  std::string expression;
  int64_t value = product(expression);
  for (int term = 1; term <= difficulty; ++term) {
    const char op = rng.Below(2) == 0 ? '-' : '+';
    std::string right;
    int64_t operand = rng.Between(1, 4);
    if (term % 2 == 1 && op == '+') {
      operand = product(right);
    } else {
      right = std::to_string(operand);
    }
    expression += Spaced(op) + right;
    value = steps.Apply(value, op, operand);
    if (value < 4) break;  // nothing is left to take away
  }
  return Ask(rng, expression, std::to_string(value), steps.Take());
}

// "(3 + 4) * 2 - (9 - 5)": what stands in parentheses comes first.
Problem Parentheses(Rng& rng, int difficulty) {
  Steps steps;
  const auto group = [&](std::string& expression) {
    const int64_t a = rng.Between(2, 5), b = rng.Between(1, 4);
    const char op = a > b && rng.Below(2) == 0 ? '-' : '+';
    expression.append("(").append(std::to_string(a)).append(Spaced(op));
    expression.append(std::to_string(b)).append(")");
    return steps.Apply(a, op, b);
  };
  std::string expression;
  int64_t value = group(expression);
  const int64_t factor = rng.Between(2, 5);
  expression += " * " + std::to_string(factor);
  value = steps.Apply(value, '*', factor);
  for (int term = 1; term <= difficulty; ++term) {
    std::string right;
    int64_t operand = rng.Between(1, 9);
    if (term % 2 == 1) {
      operand = group(right);
    } else {
      right = std::to_string(operand);
    }
    const char op = value >= operand && rng.Below(2) == 0 ? '-' : '+';
    expression += Spaced(op) + right;
    value = steps.Apply(value, op, operand);
  }
  return Ask(rng, expression, std::to_string(value), steps.Take());
}

// 10^-num_decimals times `units`, exactly as a person writes it.
Rational DecimalOf(int64_t units, int num_decimals) {
  int64_t scale = 1;
  for (int i = 0; i < num_decimals; ++i) scale *= 10;
  return *Rational::Fraction(units, scale);
}

// Never a whole number: then no other family asks the same.
Rational DrawDecimal(Rng& rng, int num_decimals) {
  const int64_t high = num_decimals == 1 ? 99 : 999;
  for (;;) {
    const Rational decimal = DecimalOf(rng.Between(1, high), num_decimals);
    if (!decimal.IsInteger()) return decimal;
  }
}

// "1.5 + 2.75 - 0.5", one or two decimals.
Problem Decimals(Rng& rng, int difficulty) {
  const int num_decimals = difficulty < 2 ? 1 : 2;
  std::vector<std::string> steps;
  Rational value = DrawDecimal(rng, num_decimals);
  std::string expression = value.ToString();
  constexpr std::array<int, kNumDifficulties> kNumSteps = {1, 2, 2, 3};
  for (int left = kNumSteps[static_cast<size_t>(difficulty)]; left > 0; --left) {
    const Rational term = DrawDecimal(rng, num_decimals);
    const bool is_minus = term < value && rng.Below(2) == 0;
    const auto next = is_minus ? Subtract(value, term) : Add(value, term);
    const char op = is_minus ? '-' : '+';
    expression += Spaced(op) + term.ToString();
    steps.push_back(value.ToString() + op + term.ToString() + "=" + next->ToString());
    value = *next;
  }
  return Ask(rng, expression, value.ToString(), std::move(steps));
}

// "Which is larger, 9.11 or 9.9?": written to the same number of decimals first. Half of
// the pairs are such that comparing the decimals as whole numbers misleads.
Problem Comparison(Rng& rng, int difficulty) {
  const int64_t whole = rng.Between(0, difficulty == 0 ? 9 : 99);
  const int64_t tenths = rng.Between(1, 9);
  const int long_decimals = difficulty < 3 ? 2 : 3;
  const int64_t scale = long_decimals == 2 ? 100 : 1000;
  int64_t tail = rng.Between(scale / 10 + 1, scale - 1);
  if (rng.Below(2) == 0) tail = rng.Between(scale / 10 + 1, tenths * scale / 10 + scale / 100);
  while (tail % 10 == 0) ++tail;
  const Rational a = DecimalOf(whole * 10 + tenths, 1);
  const Rational b = DecimalOf(whole * scale + tail, long_decimals);
  const bool wants_larger = rng.Below(2) == 0, a_first = rng.Below(2) == 0;
  const std::string padded = a.ToString() + std::string(long_decimals - 1, '0');
  const std::string text_b = b.ToString();
  const bool a_is_answer = (b < a) == wants_larger;
  std::string question = wants_larger ? "Which is larger, " : "Which is smaller, ";
  question += a_first ? a.ToString() + " or " + text_b : text_b + " or " + a.ToString();
  const std::string step =
      a_first ? padded + (a < b ? "<" : ">") + text_b : text_b + (b < a ? "<" : ">") + padded;
  return {question + "?", (a_is_answer ? a : b).ToString(), {step}, {}, padded + " " + text_b};
}

std::unique_ptr<Env> MakeArithmetic(std::string_view params) {
  ProblemEnvSpec spec;
  spec.info.id = "math/arithmetic-v1";
  spec.info.summary = "Chains, products, parentheses, decimals and comparisons in figures";
  spec.info.num_difficulties = kNumDifficulties;
  spec.families = {{"chain", Chain},
                   {"products", Products},
                   {"parentheses", Parentheses},
                   {"decimals", Decimals},
                   {"comparison", Comparison, 0.55}};
  spec.verify = VerifyNumber;
  return MakeProblemEnv(std::move(spec), params);
}

REGISTER_ENV("math/arithmetic-v1", MakeArithmetic);

}  // namespace
}  // namespace agon::envs
