#include "envs/math/answer_value.h"

#include <algorithm>
#include <utility>

namespace agon::envs {
namespace {

constexpr int kMaxSigns = 3;  // independent plus-minus signs of one element
constexpr size_t kMaxItems = 200;

std::optional<int64_t> SmallInteger(std::string_view digits) {
  if (digits.size() > 9) return std::nullopt;
  const auto value = BigInteger::FromDigits(digits);
  return value ? value->ToInt64() : std::nullopt;
}

// The exact value of a token kNumber: "12", "0.5", "3.2e-5", "0.1(6)".
std::optional<BigRational> NumberOf(std::string_view text, Algebra& algebra) {
  int64_t exponent = 0;
  if (const size_t e = text.find('e'); e != std::string_view::npos) {
    const bool is_negative = text[e + 1] == '-';
    const auto size = SmallInteger(text.substr(e + (is_negative ? 2 : 1)));
    if (!size) return std::nullopt;
    exponent = is_negative ? -*size : *size;
    text = text.substr(0, e);
  }
  std::string_view repetend;
  if (const size_t open = text.find('('); open != std::string_view::npos) {
    repetend = text.substr(open + 1, text.size() - open - 2);
    text = text.substr(0, open);
  }
  std::string digits(text.substr(0, text.find('.')));
  if (const size_t point = text.find('.'); point != std::string_view::npos) {
    std::string_view decimals = text.substr(point + 1);
    while (repetend.empty() && decimals.ends_with('0')) decimals.remove_suffix(1);
    digits += decimals;
    exponent -= static_cast<int64_t>(decimals.size());
  }
  // Digits cost quadratic time.
  if (!algebra.Spend(200 + static_cast<int64_t>(digits.size() * digits.size()) / 40)) {
    return std::nullopt;
  }
  const auto whole = BigInteger::FromDigits(digits);
  if (!whole) return std::nullopt;
  BigRational value(*whole);
  if (!repetend.empty()) {
    // 0.1(6) = (1 + 6/9) / 10
    const auto repeated = BigInteger::FromDigits(repetend);
    const BigInteger nines = BigInteger(10).Power(static_cast<unsigned>(repetend.size())) - 1;
    if (!repeated || !algebra.Spend(CostNs(BigRational(nines), BigRational(nines)))) {
      return std::nullopt;
    }
    const auto fraction = BigRational::Fraction(*repeated, nines);
    const auto sum = fraction ? Add(value, *fraction) : std::nullopt;
    if (!sum) return std::nullopt;
    value = *sum;
  }
  if (exponent == 0) return value;
  const auto scale = Power(BigRational(10), exponent);
  if (!scale || !algebra.Spend(CostNs(value, *scale))) return std::nullopt;
  return Multiply(value, *scale);
}

class Evaluator {
 public:
  Evaluator(const ParsedAnswer& answer, Algebra& algebra)
      : nodes_(answer.nodes), algebra_(algebra) {}

  std::optional<Value> Run(int root) {
    Value result;
    if (nodes_[root].kind == NodeKind::kList) {
      result = SetOf(nodes_[root].children);
    } else {
      std::vector<Value> values;
      Expand(root, values);
      if (values.size() == 1) {
        result = std::move(values[0]);
      } else {
        result.kind = Value::Kind::kSet;
        result.items = std::move(values);
      }
    }
    if (failed_ || !algebra_.ok()) return std::nullopt;
    return result;
  }

 private:
  using Kind = Value::Kind;

  Value Fail() {
    failed_ = true;
    return {};
  }

  Value SetOf(const std::vector<int>& elements) {
    Value set;
    set.kind = Kind::kSet;
    for (const int element : elements) Expand(element, set.items);
    return set;
  }

  // --- Plus-minus -----------------------------------------------------------------------

  struct Signs {
    int count = 0;
    bool are_tied = false;  // a minus-plus ties them together
  };

  void CountSigns(int node, Signs& signs) const {
    for (const char op : nodes_[node].ops) {
      if (nodes_[node].kind != NodeKind::kAdd) break;
      signs.count += op == 'p' || op == 'm';
      signs.are_tied |= op == 'm';
    }
    for (const int child : nodes_[node].children) CountSigns(child, signs);
  }

  // Appends the value of the element, or the values for all choices of its signs. A set
  // inside expands its own elements.
  void Expand(int node, std::vector<Value>& values) {
    Signs signs;
    if (nodes_[node].kind != NodeKind::kSet && nodes_[node].kind != NodeKind::kUnion) {
      CountSigns(node, signs);
    }
    const int free = signs.are_tied ? std::min(signs.count, 1) : signs.count;
    if (free > kMaxSigns) failed_ = true;
    const Choice outer = choice_;
    for (unsigned mask = 0; mask < (1u << std::min(free, kMaxSigns)); ++mask) {
      if (failed_ || !algebra_.ok() || values.size() >= kMaxItems) {
        failed_ = true;
        break;
      }
      choice_ = {mask, 0, signs.are_tied};
      values.push_back(Of(node));
    }
    choice_ = outer;
  }

  // Whether the next plus-minus is a plus.
  bool NextSign(char op) {
    const int index = choice_.are_tied ? 0 : choice_.next++;
    const bool is_first = (choice_.mask >> index & 1u) == 0;
    return op == 'p' ? is_first : !is_first;
  }

  // --- Values ---------------------------------------------------------------------------

  Value Of(int index) {
    const Node& node = nodes_[index];
    if (failed_ || !algebra_.Spend(300)) return Fail();
    switch (node.kind) {
      case NodeKind::kAdd:
      case NodeKind::kMultiply:
      case NodeKind::kPower:
      case NodeKind::kRoot:
      case NodeKind::kFactorial:
      case NodeKind::kApply:
        return Formula(node);
      case NodeKind::kNumber: {
        const auto number = NumberOf(node.text, algebra_);
        return number ? Scalar(algebra_.Number(*number)) : Fail();
      }
      case NodeKind::kSymbol:
        return Symbol(node.text);
      case NodeKind::kText:
        return WithText(Kind::kText, node.text);
      case NodeKind::kInfinity:
        return WithText(Kind::kInfinity, "");
      case NodeKind::kBased:
        return Based(node);
      case NodeKind::kPercent: {
        Value value = Scalar(ScalarOf(node.children[0]));
        value.is_percent = true;
        return value;
      }
      case NodeKind::kEmptySet:
        return SetOf({});
      case NodeKind::kSet:
      case NodeKind::kList:
        return SetOf(node.children);
      case NodeKind::kUnion:
      case NodeKind::kIntersection:
        return SetOperation(node);
      case NodeKind::kTuple:
        return Compound(Kind::kTuple, node);
      case NodeKind::kMatrix:
        return Compound(Kind::kMatrix, node);
      case NodeKind::kRelation:
        return Compound(Kind::kRelation, node);
      case NodeKind::kMember:
        return Compound(Kind::kMember, node);
      case NodeKind::kRatio:
        return Compound(Kind::kRatio, node);
    }
    return Fail();
  }

  static Value Scalar(Quotient scalar) {
    Value value;
    value.scalar = std::move(scalar);
    return value;
  }

  static Value WithText(Kind kind, std::string text) {
    Value value;
    value.kind = kind;
    value.text = std::move(text);
    return value;
  }

  Value Compound(Kind kind, const Node& node) {
    Value value;
    value.kind = kind;
    value.ops = node.ops;
    value.open = node.open;
    value.close = node.close;
    value.rows = node.rows;
    for (const int child : node.children) value.items.push_back(Of(child));
    return value;
  }

  Value Symbol(const std::string& name) {
    if (name == "pi") return Scalar(algebra_.Pi());
    if (name == "e") return Scalar(algebra_.E());
    if (name == "i") return Scalar(algebra_.ImaginaryUnit());
    if (name != "\\R") return Scalar(algebra_.Variable(name));
    Value line;
    line.kind = Kind::kTuple;
    line.items = {WithText(Kind::kInfinity, "-"), WithText(Kind::kInfinity, "")};
    return line;
  }

  Value Based(const Node& node) {
    const auto base = Algebra::AsRational(ScalarOf(node.children[0]));
    const auto small = base && base->IsInteger() ? base->numerator().ToInt64() : std::nullopt;
    if (!small || *small < 2 || *small > 36) return Fail();
    if (!algebra_.Spend(static_cast<int64_t>(node.text.size() * node.text.size()) / 40)) return {};
    const auto number = BigInteger::FromDigits(node.text, static_cast<int>(*small));
    if (!number) return Fail();
    Value value = Scalar(algebra_.Number(BigRational(*number)));
    value.kind = Kind::kBased;
    value.text = std::to_string(*small);
    return value;
  }

  // Two finite sets give one; a union of anything else keeps its pieces.
  Value SetOperation(const Node& node) {
    Value left = Of(node.children[0]), right = Of(node.children[1]);
    const bool are_finite = left.kind == Kind::kSet && right.kind == Kind::kSet;
    if (node.kind == NodeKind::kIntersection) {
      if (!are_finite) return Fail();
      const auto is_in_right = [&](const Value& item) {
        return std::any_of(right.items.begin(), right.items.end(), [&](const Value& other) {
          return item.kind == Kind::kScalar && other.kind == Kind::kScalar &&
                 algebra_.Equal(item.scalar, other.scalar);
        });
      };
      std::erase_if(left.items, [&](const Value& item) { return !is_in_right(item); });
      return left;
    }
    Value result;
    result.kind = are_finite ? Kind::kSet : Kind::kUnion;
    for (Value* side : {&left, &right}) {
      const bool has_pieces = side->kind == result.kind;
      if (!has_pieces && side->kind != Kind::kSet && side->kind != Kind::kTuple) return Fail();
      if (!has_pieces) {
        result.items.push_back(std::move(*side));
        continue;
      }
      std::move(side->items.begin(), side->items.end(), std::back_inserter(result.items));
    }
    return result;
  }

  // --- Formulas -------------------------------------------------------------------------

  Quotient ScalarOf(int index) { return AsScalar(Of(index)); }

  Quotient AsScalar(const Value& value) {
    if (value.kind == Kind::kText) return algebra_.Variable("\"" + value.text);
    if (value.kind != Kind::kScalar) {
      failed_ = true;
      return {};
    }
    if (!value.is_percent) return value.scalar;
    return algebra_.Divide(value.scalar, algebra_.Number(100));
  }

  Value Formula(const Node& node) {
    switch (node.kind) {
      case NodeKind::kAdd:
        return Sum(node);
      case NodeKind::kMultiply:
        return Product(node);
      case NodeKind::kPower:
        return Scalar(algebra_.Power(ScalarOf(node.children[0]), ScalarOf(node.children[1])));
      case NodeKind::kFactorial:
        return Scalar(algebra_.Factorial(ScalarOf(node.children[0])));
      case NodeKind::kRoot: {
        const Quotient radicand = ScalarOf(node.children[0]);
        if (node.children.size() == 1) return Scalar(algebra_.Root(radicand, 2));
        const Quotient degree = ScalarOf(node.children[1]);
        return Scalar(algebra_.Power(radicand, algebra_.Divide(algebra_.Number(1), degree)));
      }
      default: {
        std::vector<Quotient> arguments;
        for (const int child : node.children) arguments.push_back(ScalarOf(child));
        if (node.text == "|" && arguments.size() == 1) {
          return Scalar(algebra_.AbsoluteValue(arguments[0]));
        }
        return Scalar(algebra_.Apply(node.text, arguments));
      }
    }
  }

  Value Sum(const Node& node) {
    Quotient total;
    for (size_t i = 0; i < node.children.size(); ++i) {
      const char op = node.ops[i];
      const bool is_plus = op == '+' || (op != '-' && NextSign(op));
      Value term = Of(node.children[i]);
      if (node.children.size() == 1 && term.kind == Kind::kInfinity) {
        if (!is_plus) term.text = term.text.empty() ? "-" : "";
        return term;
      }
      if (node.children.size() == 1 && term.is_percent) {
        if (!is_plus) term.scalar = algebra_.Negate(term.scalar);
        return term;
      }
      const Quotient scalar = AsScalar(term);
      total = algebra_.Add(total, is_plus ? scalar : algebra_.Negate(scalar));
      if (failed_ || !algebra_.ok()) return Fail();
    }
    return Scalar(std::move(total));
  }

  // A number times a matrix scales it.
  Value Product(const Node& node) {
    Quotient product = algebra_.Number(1);
    std::optional<Value> matrix;
    for (size_t i = 0; i < node.children.size(); ++i) {
      Value factor = Of(node.children[i]);
      const bool is_over = node.ops[i] == '/';
      if (factor.kind == Kind::kMatrix && !is_over && !matrix) {
        matrix = std::move(factor);
        continue;
      }
      const Quotient scalar = AsScalar(factor);
      product = is_over ? algebra_.Divide(product, scalar) : algebra_.Multiply(product, scalar);
      if (failed_ || !algebra_.ok()) return Fail();
    }
    if (!matrix) return Scalar(std::move(product));
    for (Value& item : matrix->items) item = Scalar(algebra_.Multiply(product, AsScalar(item)));
    return std::move(*matrix);
  }

  struct Choice {
    unsigned mask = 0;
    int next = 0;
    bool are_tied = false;
  };

  const std::vector<Node>& nodes_;
  Algebra& algebra_;
  Choice choice_;
  bool failed_ = false;
};

}  // namespace

std::optional<Value> Evaluate(const ParsedAnswer& answer, Algebra& algebra) {
  if (answer.root < 0) return std::nullopt;
  return Evaluator(answer, algebra).Run(answer.root);
}

}  // namespace agon::envs
