#include "envs/math/answer_parser.h"

#include "envs/math/answer_grammar.h"
#include "envs/math/vocabulary.h"

namespace agon::envs {
namespace {

constexpr size_t kMaxUnits = 20;

bool IsWholeLiteral(const Node& node) {
  return node.kind == NodeKind::kNumber &&
         node.text.find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace

using enum TokenKind;

ParsedAnswer AnswerGrammar::Run() {
  int root = Words();
  if (root < 0) root = List();
  if (root >= 0 && Peek().kind != kEnd) root = Unexpected();
  result_.root = problem_.empty() ? root : -1;
  result_.problem = std::move(problem_);
  return std::move(result_);
}

int AnswerGrammar::Make(NodeKind kind, std::string text, std::vector<int> children) {
  if (result_.nodes.size() >= kMaxNodes) return Fail("too large");
  if (std::any_of(children.begin(), children.end(), [](int child) { return child < 0; })) {
    return -1;
  }
  Node node;
  node.kind = kind;
  node.text = std::move(text);
  node.children = std::move(children);
  result_.nodes.push_back(std::move(node));
  return static_cast<int>(result_.nodes.size()) - 1;
}

int AnswerGrammar::MakeWithOps(NodeKind kind, std::vector<int> children, std::string ops) {
  const int node = Make(kind, "", std::move(children));
  if (node >= 0) result_.nodes[node].ops = std::move(ops);
  return node;
}

// An answer in words only: "Tuesday", "no solution".
int AnswerGrammar::Words() {
  std::string words;
  for (const Token& token : tokens_) {
    if (token.kind == kEnd) break;
    if (token.kind != kText && token.kind != kWord) return -1;
    if (!words.empty()) words += ' ';
    words += token.text;
  }
  if (words.empty()) return -1;
  position_ = tokens_.size() - 1;
  return Make(NodeKind::kText, std::move(words));
}

// One element, or several beside each other.
int AnswerGrammar::List() {
  std::vector<int> elements = Elements();
  if (elements.empty()) return -1;
  return elements.size() == 1 ? elements[0] : Make(NodeKind::kList, "", std::move(elements));
}

// Empty after a failure.
std::vector<int> AnswerGrammar::Elements() {
  std::vector<int> elements;
  do {
    const int element = Element();
    if (element < 0) return {};
    elements.push_back(element);
    if (!AtSeparator()) break;
    while (AtSeparator()) ++position_;  // "1, 2, and 3"
  } while (true);
  return elements;
}

int AnswerGrammar::Element() {
  if (++depth_ > kMaxDepth) return Fail("nested too deeply");
  const int element = Relation();
  --depth_;
  return element;
}

int AnswerGrammar::Relation() {
  // "~ 5" stands for 5.
  if (At(kRelation) && Peek().text == "~") ++position_;
  int first = Sets();
  if (first >= 0 && Take(kMember)) return Make(NodeKind::kMember, "", {first, Sets()});
  if (!At(kRelation)) return first;
  std::vector<int> sides = {first};
  std::string ops;
  while (At(kRelation)) {
    const std::string& op = Peek().text;
    ops += op == "<=" ? 'l' : op == ">=" ? 'g' : op[0];
    ++position_;
    sides.push_back(Sets());
    if (sides.back() < 0) return -1;
  }
  return MakeWithOps(NodeKind::kRelation, std::move(sides), std::move(ops));
}

int AnswerGrammar::Sets() {
  int left = Ratio();
  while (left >= 0 && (At(kUnion) || At(kIntersection))) {
    const NodeKind kind = At(kUnion) ? NodeKind::kUnion : NodeKind::kIntersection;
    ++position_;
    left = Make(kind, "", {left, Ratio()});
  }
  return left;
}

int AnswerGrammar::Ratio() {
  std::vector<int> parts = {Sum()};
  while (parts.back() >= 0 && Take(kColon)) parts.push_back(Sum());
  if (parts.back() < 0) return -1;
  return parts.size() == 1 ? parts[0] : Make(NodeKind::kRatio, "", std::move(parts));
}

char AnswerGrammar::SumOp(TokenKind kind) {
  switch (kind) {
    case kPlus:
      return '+';
    case kMinus:
      return '-';
    case kPlusMinus:
      return 'p';
    case kMinusPlus:
      return 'm';
    default:
      return '\0';
  }
}

int AnswerGrammar::Sum() {
  std::vector<int> terms;
  std::string ops;
  for (char op = SumOp(Peek().kind); terms.empty() || op != '\0'; op = SumOp(Peek().kind)) {
    if (op != '\0') ++position_;
    ops += op == '\0' ? '+' : op;
    terms.push_back(Product());
    if (terms.back() < 0) return -1;
  }
  if (terms.size() == 1 && ops == "+") return terms[0];
  return MakeWithOps(NodeKind::kAdd, std::move(terms), std::move(ops));
}

// Whether the next token starts a factor without an operator before it.
bool AnswerGrammar::StartsFactor() const {
  switch (Peek().kind) {
    case kNumber:
    case kSymbol:
    case kFunction:
    case kFraction:
    case kBinomial:
    case kRoot:
    case kOpen:
    case kInfinity:
    case kEmptySet:
    case kBeginMatrix:
      return true;
    case kBar:
      return bars_ == 0;
    default:
      return false;
  }
}

int AnswerGrammar::Product() {
  std::vector<int> factors;
  std::string ops;
  const size_t start = position_;
  for (char op = '*';;) {
    const bool is_signed = !factors.empty() && SumOp(Peek().kind) != '\0';
    factors.push_back(is_signed ? SignedFactor() : Factor());
    ops += op;
    if (factors.back() < 0) return -1;
    while (Suffix(factors, ops, start)) {
    }
    if (!problem_.empty()) return -1;
    if (Take(kTimes)) {
      op = '*';
    } else if (Take(kDivide)) {
      op = '/';
    } else if (StartsFactor()) {
      if (At(kNumber) && NodeAt(factors.back()).kind == NodeKind::kNumber) {
        return Fail("two numbers beside each other");
      }
      op = '*';
    } else {
      break;
    }
  }
  if (factors.size() == 1) return factors[0];
  return MakeWithOps(NodeKind::kMultiply, std::move(factors), std::move(ops));
}

int AnswerGrammar::SignedFactor() {
  if (++depth_ > kMaxDepth) return Fail("nested too deeply");
  const char op = SumOp(Peek().kind);
  ++position_;
  const int factor = SumOp(Peek().kind) != '\0' ? SignedFactor() : Factor();
  --depth_;
  return factor < 0 ? -1 : MakeWithOps(NodeKind::kAdd, {factor}, {op});
}

// What follows a factor and belongs to it or to the product so far: mixed numbers,
// percent signs, units. False if there is nothing of the kind.
bool AnswerGrammar::Suffix(std::vector<int>& factors, std::string& ops, size_t start) {
  if (MixedNumber(factors, ops)) return true;
  if (Take(kPercent)) {
    const int whole = factors.size() == 1
                          ? factors[0]
                          : MakeWithOps(NodeKind::kMultiply, std::move(factors), std::move(ops));
    factors = {Make(NodeKind::kPercent, "", {whole})};
    ops = "*";
    return factors[0] >= 0;
  }
  if (Take(kDegree)) return true;
  return Unit(factors, ops, start);
}

// "7 3/4" and "7\frac{3}{4}".
bool AnswerGrammar::MixedNumber(std::vector<int>& factors, std::string& ops) {
  if (ops.back() != '*' || !IsWholeLiteral(NodeAt(factors.back()))) return false;
  int fraction = -1;
  if (At(kNumber) && Peek(1).kind == kDivide && Peek(2).kind == kNumber && Peek().space_before) {
    const int above = Make(NodeKind::kNumber, Peek().text);
    const int below = Make(NodeKind::kNumber, Peek(2).text);
    position_ += 3;
    fraction = MakeWithOps(NodeKind::kMultiply, {above, below}, "*/");
  } else if (At(kFraction)) {
    const size_t before = position_;
    fraction = Factor();
    if (fraction < 0) return false;
    const Node& node = NodeAt(fraction);
    if (node.kind != NodeKind::kMultiply || !IsWholeLiteral(NodeAt(node.children[0])) ||
        !IsWholeLiteral(NodeAt(node.children[1]))) {
      position_ = before;  // 2\frac{x}{3} is a product
      return false;
    }
  }
  if (fraction < 0) return false;
  factors.back() = MakeWithOps(NodeKind::kAdd, {factors.back(), fraction}, "++");
  return factors.back() >= 0;
}

// Words behind a number: "125 miles", "5 cm^2", "3 miles per hour", "5 million", "72 (clips)".
bool AnswerGrammar::Unit(std::vector<int>& factors, std::string& ops, size_t start) {
  const auto is_word = [&](size_t ahead) {
    return Peek(ahead).kind == kText || Peek(ahead).kind == kWord;
  };
  const bool has_brackets = AtOpen("(") && is_word(1) && Peek(2).kind == kClose;
  if (!is_word(0) && !has_brackets) return false;
  const std::string word = Peek(has_brackets ? 1 : 0).text;
  const auto is_number = [](const Token& token) { return token.kind == kNumber; };
  if (std::none_of(tokens_.begin() + start, tokens_.begin() + position_, is_number) ||
      ChangesValue(word) || result_.units.size() >= kMaxUnits) {
    Unexpected();
    return false;
  }
  position_ += has_brackets ? 3 : 1;
  if (const long long magnitude = Magnitude(word)) {
    factors.push_back(Make(NodeKind::kNumber, std::to_string(magnitude)));
    ops += '*';
    return factors.back() >= 0;
  }
  result_.units.push_back(word);
  if (At(kPower) && Peek(1).kind == kNumber) position_ += 2;
  if (At(kDivide) && is_word(1)) ++position_;
  return true;
}

ParsedAnswer ParseAnswer(std::vector<Token> tokens) {
  return AnswerGrammar(std::move(tokens)).Run();
}

}  // namespace agon::envs
