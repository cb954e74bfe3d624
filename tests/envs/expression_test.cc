#include "envs/math/expression.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "core/rng.h"

namespace agon::envs {
namespace {

Rational Fraction(int64_t numerator, int64_t denominator = 1) {
  return Rational::Fraction(numerator, denominator).value();
}

TEST(EvaluateTest, PrecedenceAndAssociation) {
  const std::pair<const char*, Rational> cases[] = {
      {"7", Fraction(7)},         {"2+3*4", Fraction(14)},         {"(2+3)*4", Fraction(20)},
      {"10-4-3", Fraction(3)},    {"10-(4-3)", Fraction(9)},       {"24/4/2", Fraction(3)},
      {"24/(4/2)", Fraction(12)}, {"1/3+1/6", Fraction(1, 2)},     {"8/(3-8/3)", Fraction(24)},
      {"-3+8", Fraction(5)},      {"-(3-8)", Fraction(5)},         {"--3", Fraction(3)},
      {"2*-3", Fraction(-6)},     {"1.5 + 2.75", Fraction(17, 4)}, {" ( 1 + 2 ) ", Fraction(3)},
      {"((((5))))", Fraction(5)},
  };
  for (const auto& [text, expected] : cases) {
    const Evaluation evaluation = Evaluate(text);
    EXPECT_EQ(evaluation.value, expected) << text << ": " << evaluation.problem;
  }
}

TEST(EvaluateTest, ListsItsNumbers) {
  const Evaluation evaluation = Evaluate("(3 + 5) * 12 - 3");
  EXPECT_EQ(evaluation.numbers, (std::vector<Rational>{3, 5, 12, 3}));
  EXPECT_EQ(Evaluate("35").numbers, (std::vector<Rational>{35})) << "digits are not numbers";
}

TEST(EvaluateTest, SaysWhatIsWrong) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "unexpected end"},
      {"1+", "unexpected end"},
      {"(1+2", "unexpected end"},
      {"1+2)", "unexpected ')'"},
      {"1/0", "division by zero"},
      {"1/(2-2)", "division by zero"},
      {"2x", "unexpected 'x'"},
      {"2(3)", "unexpected '('"},
      {"3 4", "unexpected '4'"},
      {"2^3", "unexpected '^'"},
      {"2**3", "unexpected '*'"},
      {"()", "unexpected ')'"},
      {"1.2.3", "malformed number"},
      {"5.", "malformed number"},
      {".", "malformed number"},
      {"99999999999999999999", "malformed number"},
      {"999999999999999999*999999999999999999", "number too large"},
      {"3+4 or 5", "unexpected 'o'"},
      {"__import__('os')", "unexpected '_'"},
      {std::string("1\0", 2), "unexpected byte"},
      {std::string("1+\0", 3), "unexpected byte"},
      {"1\xff", "unexpected byte"},
      {"1\n+1", "unexpected byte"},
      {std::string(60, '(') + "1" + std::string(60, ')'), "nested too deeply"},
      {std::string(60, '-') + "1", "nested too deeply"},
      {std::string(1 << 20, '('), "too long"},
      {"1" + std::string(1000, ' ') + "+1", "too long"},
  };
  for (const auto& [text, problem] : cases) {
    const Evaluation evaluation = Evaluate(text);
    EXPECT_FALSE(evaluation.value) << text;
    EXPECT_EQ(evaluation.problem, problem) << text;
  }
}

// A random tree, written out and evaluated at once; the parser must agree.
std::pair<std::string, std::optional<Rational>> RandomTree(Rng& rng, int depth) {
  if (depth == 0 || rng.Below(4) == 0) {
    const int64_t number = rng.Between(0, 12);
    return {std::to_string(number), Rational(number)};
  }
  const auto [left, a] = RandomTree(rng, depth - 1);
  const auto [right, b] = RandomTree(rng, depth - 1);
  const char op = "+-*/"[rng.Below(4)];
  std::string text = "(";
  text.append(left).append(1, op).append(right).append(")");
  if (!a || !b) return {text, std::nullopt};
  switch (op) {
    case '+':
      return {text, Add(*a, *b)};
    case '-':
      return {text, Subtract(*a, *b)};
    case '*':
      return {text, Multiply(*a, *b)};
    default:
      return {text, Divide(*a, *b)};
  }
}

TEST(EvaluateTest, AgreesWithRandomTrees) {
  Rng rng({3, RngStream::kTest, 0, 0, 0});
  int num_valued = 0;
  for (int i = 0; i < 3000; ++i) {
    const auto [text, expected] = RandomTree(rng, 4);
    EXPECT_EQ(Evaluate(text).value, expected) << text;
    num_valued += expected.has_value();
  }
  EXPECT_GT(num_valued, 2000);
}

TEST(EvaluateTest, RandomBytesNeverCrash) {
  Rng rng({4, RngStream::kTest, 0, 0, 0});
  constexpr std::string_view kAlphabet = "0123456789+-*/(). x\0\xff";
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (uint64_t n = rng.Below(30); n > 0; --n) text += kAlphabet[rng.Below(kAlphabet.size())];
    const Evaluation evaluation = Evaluate(text);
    EXPECT_EQ(evaluation.value.has_value(), evaluation.problem.empty()) << text;
  }
}

}  // namespace
}  // namespace agon::envs
