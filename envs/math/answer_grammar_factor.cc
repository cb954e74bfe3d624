// Factors of the grammar: numbers, symbols, functions, roots and everything in brackets.
#include "envs/math/answer_grammar.h"
#include "envs/math/vocabulary.h"

namespace agon::envs {

using enum TokenKind;

int AnswerGrammar::Factor() {
  if (++depth_ > kMaxDepth) return Fail("nested too deeply");
  int factor = Primary();
  while (factor >= 0) {
    if (Take(kFactorial)) {
      factor = Make(NodeKind::kFactorial, "", {factor});
    } else if (At(kPower)) {
      ++position_;
      if (IsDegrees()) continue;
      factor = Make(NodeKind::kPower, "", {factor, Exponent()});
    } else {
      break;
    }
  }
  --depth_;
  return factor;
}

// Behind "^": a degree sign, alone or in braces, changes nothing.
bool AnswerGrammar::IsDegrees() {
  if (Take(kDegree)) return true;
  const bool is_group = AtOpen("{") && Peek(1).kind == kDegree && Peek(2).kind == kClose;
  if (is_group) position_ += 3;
  return is_group;
}

int AnswerGrammar::Exponent() {
  if (SumOp(Peek().kind) != '\0') return SignedFactor();
  const int base = Argument();
  // 2^3^4 is 2^(3^4).
  if (base >= 0 && At(kPower)) {
    if (++depth_ > kMaxDepth) return Fail("nested too deeply");
    ++position_;
    const int tower = Make(NodeKind::kPower, "", {base, Exponent()});
    --depth_;
    return tower;
  }
  return base;
}

// What a command or ^ applies to: a group, or one number, symbol or command.
int AnswerGrammar::Argument() {
  if (++depth_ > kMaxDepth) return Fail("nested too deeply");
  const int argument = Primary();
  --depth_;
  return argument;
}

// The argument of \frac, where digits without braces stand alone: \frac12.
int AnswerGrammar::FractionArgument() {
  Token& token = tokens_[position_];
  if (token.kind != kNumber || token.text.size() < 2 || token.text[1] == '.') return Argument();
  const int digit = Make(NodeKind::kNumber, token.text.substr(0, 1));
  token.text.erase(0, 1);
  return digit;
}

int AnswerGrammar::Primary() {
  const Token& token = Peek();
  switch (token.kind) {
    case kNumber:
      return Number();
    case kSymbol:
      return Symbol();
    case kText:
    case kWord:
      if (ChangesValue(token.text)) return Unexpected();
      ++position_;
      return Make(NodeKind::kText, token.text);
    case kFunction:
      return Function();
    case kFraction: {
      ++position_;
      const int above = FractionArgument();
      if (above < 0) return -1;
      return MakeWithOps(NodeKind::kMultiply, {above, FractionArgument()}, "*/");
    }
    case kBinomial: {
      ++position_;
      const int n = FractionArgument();
      return n < 0 ? -1 : Make(NodeKind::kApply, "binom", {n, FractionArgument()});
    }
    case kRoot:
      return Root();
    case kOpen:
      return Bracket();
    case kBar:
      return Bars();
    case kBeginMatrix:
      return Matrix();
    case kInfinity:
      ++position_;
      return Make(NodeKind::kInfinity);
    case kEmptySet:
      ++position_;
      return Make(NodeKind::kEmptySet);
    default:
      return Unexpected();
  }
}

int AnswerGrammar::Number() {
  const std::string text = Peek().text;
  ++position_;
  if (!At(kSubscript)) return Make(NodeKind::kNumber, text);
  ++position_;
  return Make(NodeKind::kBased, text, {Argument()});
}

// Letters and numbers below a symbol are part of its name: x_1, a_{n+1}.
int AnswerGrammar::Symbol() {
  std::string name = Peek().text;
  ++position_;
  if (Take(kSubscript)) {
    name += '_';
    if (AtOpen("{")) {
      for (++position_; !At(kEnd) && !At(kClose); ++position_) {
        if (At(kOpen) && Peek().text == "{") return Fail("nested subscript");
        name += Spell({Peek()});
      }
      if (!Take(kClose)) return Unexpected();
    } else if (At(kNumber) || At(kSymbol)) {
      name += Spell({Peek()});
      ++position_;
    } else {
      return Unexpected();
    }
  }
  while (Take(kPrime)) name += '\'';
  constexpr std::string_view kFunctionNames = "fghFGH";
  const bool is_function =
      kFunctionNames.find(name[0]) != std::string_view::npos && AtOpen("(") && !Peek().space_before;
  if (!is_function) return Make(NodeKind::kSymbol, std::move(name));
  return Make(NodeKind::kApply, std::move(name), Arguments());
}

// What stands in the bracket at the current token; {-1} after a failure.
std::vector<int> AnswerGrammar::Arguments() {
  ++position_;
  std::vector<int> arguments = Elements();
  if (arguments.empty() || !Take(kClose)) {
    Unexpected();
    return {-1};
  }
  return arguments;
}

int AnswerGrammar::Function() {
  std::string name = Peek().text;
  ++position_;
  int power = -1, base = -1;
  for (int i = 0; i < 2; ++i) {
    if (At(kPower) && power < 0) {
      ++position_;
      power = Exponent();
      if (power < 0) return -1;
    } else if (At(kSubscript) && base < 0) {
      ++position_;
      base = Argument();
      if (base < 0) return -1;
    }
  }
  std::vector<int> arguments;
  if (AtOpen("(") || AtOpen("{")) {
    arguments = Arguments();
  } else {
    arguments = {BareArgument()};
  }
  if (arguments.front() < 0) return -1;
  if (name == "lg") base = Make(NodeKind::kNumber, "10");
  if (name == "lg") name = "log";
  if (base >= 0) arguments.insert(arguments.begin(), base);
  if (power >= 0 && IsMinusOne(power) && base < 0) {
    name = "arc" + name;
    power = -1;
  }
  const int value = name == "abs" ? Make(NodeKind::kApply, "|", std::move(arguments))
                                  : Make(NodeKind::kApply, std::move(name), std::move(arguments));
  return power < 0 ? value : Make(NodeKind::kPower, "", {value, power});
}

bool AnswerGrammar::IsMinusOne(int node) {
  while (NodeAt(node).kind == NodeKind::kTuple && NodeAt(node).children.size() == 1) {
    node = NodeAt(node).children[0];
  }
  return NodeAt(node).kind == NodeKind::kAdd && NodeAt(node).ops == "-" &&
         NodeAt(NodeAt(node).children[0]).text == "1";
}

// \sin 2x: the factors that follow, up to an operator or another function.
int AnswerGrammar::BareArgument() {
  std::vector<int> factors;
  while (StartsFactor() && !(At(kFunction) && !factors.empty())) {
    factors.push_back(Factor());
    if (factors.back() < 0) return -1;
    if (Take(kDegree)) continue;
  }
  if (factors.empty()) return Unexpected();
  if (factors.size() == 1) return factors[0];
  return MakeWithOps(NodeKind::kMultiply, factors, std::string(factors.size(), '*'));
}

int AnswerGrammar::Root() {
  ++position_;
  int degree = -1;
  if (AtOpen("[")) {
    ++position_;
    degree = Element();
    if (degree < 0) return -1;
    if (!Take(kClose)) return Unexpected();
  }
  std::vector<int> children = {Argument()};
  if (degree >= 0) children.push_back(degree);
  return Make(NodeKind::kRoot, "", std::move(children));
}

int AnswerGrammar::Bracket() {
  const std::string open = Peek().text;
  ++position_;
  if (At(kClose) && open == "\\{") {
    ++position_;
    return Make(NodeKind::kEmptySet);
  }
  const int bars = std::exchange(bars_, 0);
  std::vector<int> elements = Elements();
  bars_ = bars;
  if (elements.empty()) return -1;
  if (!At(kClose)) return Unexpected();
  const std::string close = Peek().text;
  ++position_;
  if (open == "\\{" && close == "\\}") return Make(NodeKind::kSet, "", std::move(elements));
  if (open == "{" && close == "}") {
    return elements.size() == 1 ? elements[0] : Make(NodeKind::kSet, "", std::move(elements));
  }
  if (open == "|" || open == "floor" || open == "ceil") {
    return close == open ? Make(NodeKind::kApply, open, std::move(elements)) : Unexpected();
  }
  const bool are_round = (open == "(" || open == "[") && (close == ")" || close == "]");
  if (!are_round) return Fail("brackets that don't match");
  if (elements.size() == 1) {
    // (x) groups; [x) is nothing.
    return (open == "(") == (close == ")") ? elements[0] : Fail("brackets that don't match");
  }
  const int node = Make(NodeKind::kTuple, "", std::move(elements));
  if (node >= 0) NodeAt(node).open = open[0];
  if (node >= 0) NodeAt(node).close = close[0];
  return node;
}

int AnswerGrammar::Bars() {
  ++position_;
  ++bars_;
  const int inside = Element();
  --bars_;
  if (inside < 0) return -1;
  return Take(kBar) ? Make(NodeKind::kApply, "|", {inside}) : Unexpected();
}

int AnswerGrammar::Matrix() {
  if (Peek().text != "matrix") return Fail("an environment that is no matrix");
  ++position_;
  std::vector<int> cells;
  int rows = 1;
  size_t row_start = 0, width = 0;
  const auto end_row = [&] {
    const size_t row_width = cells.size() - row_start;
    if (width == 0) width = row_width;
    row_start = cells.size();
    return row_width == width;
  };
  for (;;) {
    cells.push_back(Element());
    if (cells.back() < 0) return -1;
    if (Take(kAmpersand)) continue;
    if (!end_row()) return Fail("rows of different length");
    while (Take(kNewRow)) {
    }
    if (Take(kEndMatrix)) break;
    if (tokens_[position_ - 1].kind != kNewRow) return Unexpected();
    ++rows;
  }
  const int node = Make(NodeKind::kMatrix, "", std::move(cells));
  if (node >= 0) NodeAt(node).rows = rows;
  return node;
}

}  // namespace agon::envs
