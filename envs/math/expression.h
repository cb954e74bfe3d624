// Exact value of an arithmetic expression, without eval.
//
// Grammar: + - * / with the usual precedence, parentheses, a sign before an operand, and
// decimal numbers ("12", "1.5"). No other operators, names or implicit products.
// Untrusted bytes: linear time, at most kMaxExpressionBytes long and
// kMaxExpressionDepth deep, never a rounded or wrapped number.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "envs/math/rational.h"

namespace agon::envs {

inline constexpr size_t kMaxExpressionBytes = 1000;
inline constexpr int kMaxExpressionDepth = 50;

struct Evaluation {
  std::optional<Rational> value;  // absent where there is no value; `problem` says why
  std::vector<Rational> numbers;  // literals in the order in which they stand
  std::string problem;            // "division by zero", "unexpected 'x'", ...
};

Evaluation Evaluate(std::string_view expression);

}  // namespace agon::envs
