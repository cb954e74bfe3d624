#include "envs/math/expression.h"

#include <utility>

namespace agon::envs {
namespace {

// Recursive descent; the depth bound keeps the stack small.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Evaluation Run() {
    if (text_.size() > kMaxExpressionBytes) return {std::nullopt, {}, "too long"};
    auto value = Sum(0);
    if (value && Peek() != '\0') value = Unexpected();
    return {value, std::move(numbers_), std::move(problem_)};
  }

 private:
  using Value = std::optional<Rational>;

  Value Fail(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
    return std::nullopt;
  }

  Value Unexpected() {
    if (position_ >= text_.size()) return Fail("unexpected end");
    const char c = text_[position_];
    const bool is_printable = c > ' ' && c < 127;
    return Fail(is_printable ? std::string("unexpected '") + c + "'" : "unexpected byte");
  }

  // The next byte behind spaces; '\0' at the end. A NUL inside the text ends it nowhere.
  char Peek() {
    while (position_ < text_.size() && text_[position_] == ' ') ++position_;
    if (position_ >= text_.size()) return '\0';
    return text_[position_] == '\0' ? '\1' : text_[position_];
  }

  Value Sum(int depth) {
    Value value = Product(depth);
    while (value && (Peek() == '+' || Peek() == '-')) {
      const char op = text_[position_++];
      const Value term = Product(depth);
      if (!term) return std::nullopt;
      value = op == '+' ? Add(*value, *term) : Subtract(*value, *term);
      if (!value) return Fail("number too large");
    }
    return value;
  }

  Value Product(int depth) {
    Value value = Operand(depth);
    while (value && (Peek() == '*' || Peek() == '/')) {
      const char op = text_[position_++];
      const Value factor = Operand(depth);
      if (!factor) return std::nullopt;
      if (op == '/' && *factor == Rational(0)) return Fail("division by zero");
      value = op == '*' ? Multiply(*value, *factor) : Divide(*value, *factor);
      if (!value) return Fail("number too large");
    }
    return value;
  }

  Value Operand(int depth) {
    if (depth > kMaxExpressionDepth) return Fail("nested too deeply");
    const char c = Peek();
    if (c == '-' || c == '+') {
      ++position_;
      const Value value = Operand(depth + 1);
      return value && c == '-' ? Subtract(Rational(0), *value) : value;
    }
    if (c == '(') {
      ++position_;
      const Value value = Sum(depth + 1);
      if (value && Peek() != ')') return Unexpected();
      ++position_;
      return value;
    }
    return Number();
  }

  Value Number() {
    const size_t start = position_;
    while (position_ < text_.size() && (IsDigit(text_[position_]) || text_[position_] == '.')) {
      ++position_;
    }
    if (start == position_) return Unexpected();
    // ParseNumber takes a final full stop, which is no part of a literal.
    const std::string_view literal = text_.substr(start, position_ - start);
    const Value value = literal.back() == '.' ? std::nullopt : ParseNumber(literal);
    if (!value) return Fail("malformed number");
    numbers_.push_back(*value);
    return value;
  }

  static bool IsDigit(char c) { return c >= '0' && c <= '9'; }

  std::string_view text_;
  size_t position_ = 0;
  std::vector<Rational> numbers_;
  std::string problem_;
};

}  // namespace

Evaluation Evaluate(std::string_view expression) { return Parser(TrimSpace(expression)).Run(); }

}  // namespace agon::envs
