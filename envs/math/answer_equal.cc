#include "envs/math/answer_equal.h"

#include <algorithm>
#include <utility>

namespace agon::envs {
namespace {

using Kind = Value::Kind;

bool IsInequality(const Value& value) {
  return value.kind == Kind::kRelation && value.ops.find_first_not_of("<>lg") == std::string::npos;
}

bool IsInterval(const Value& value) {
  return value.kind == Kind::kTuple && value.items.size() == 2;
}

bool HasSquareBracket(const Value& tuple) { return tuple.open == '[' || tuple.close == ']'; }

bool IsSetOfPoints(const Value& value) {
  return value.kind == Kind::kUnion || IsInterval(value) || value.kind == Kind::kSet;
}

std::string Folded(std::string_view text) {
  std::string folded;
  for (const char c : text) {
    if (c == ' ' || c == '.' || c == '~') continue;
    folded += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  }
  return folded;
}

Value Infinity(const char* sign) {
  Value value;
  value.kind = Kind::kInfinity;
  value.text = sign;
  return value;
}

Value Interval(char open, Value low, Value high, char close) {
  Value interval;
  interval.kind = Kind::kTuple;
  interval.open = open;
  interval.close = close;
  interval.items = {std::move(low), std::move(high)};
  return interval;
}

}  // namespace

bool AnswerComparison::Same(const Value& gold, const Value& answer) {
  if (!algebra_.Spend(200)) return false;
  if (gold.kind == Kind::kMember) return Same(gold.items[1], answer);
  if (gold.kind == Kind::kRelation && answer.kind == Kind::kRelation) {
    return SameRelation(gold, answer);
  }
  if (answer.kind == Kind::kMember) return Same(gold, answer.items[1]);
  if (gold.kind == Kind::kRelation) {
    if (IsInequality(gold)) {
      const auto interval = IsSetOfPoints(answer) ? AsInterval(gold) : std::nullopt;
      return interval && Same(*interval, answer);
    }
    const auto named = NamedValue(gold);
    return named && Same(*named->value, answer);
  }
  if (answer.kind == Kind::kRelation) {
    if (IsInequality(answer)) {
      if (gold.kind == Kind::kUnion || IsInterval(gold)) {
        reason_ = "an inequality where an interval is wanted";
      }
      return false;
    }
    const auto named = NamedValue(answer);
    return named && Same(gold, *named->value);
  }
  if (gold.kind == Kind::kSet) {
    if (answer.kind == Kind::kUnion || IsInterval(answer)) {
      if (const auto pieces = AsUnion(gold)) return Same(*pieces, answer);
    }
    return answer.kind == Kind::kSet ? SameSet(gold.items, answer.items)
                                     : SameSet(gold.items, {answer});
  }
  if (answer.kind == Kind::kSet) return answer.items.size() == 1 && Same(gold, answer.items[0]);
  if (gold.kind == Kind::kText || answer.kind == Kind::kText) return SameText(gold, answer);
  if (gold.kind != answer.kind) return false;
  switch (gold.kind) {
    case Kind::kScalar:
      return SameScalar(gold, answer);
    case Kind::kBased:
      return gold.text == answer.text && algebra_.Equal(gold.scalar, answer.scalar);
    case Kind::kInfinity:
      return gold.text == answer.text;
    case Kind::kTuple:
      if (HasSquareBracket(gold) || HasSquareBracket(answer)) {
        if (gold.open != answer.open || gold.close != answer.close) return false;
      }
      return SameItems(gold, answer);
    case Kind::kUnion:
      return SameSet(gold.items, answer.items);
    case Kind::kMatrix:
      return gold.rows == answer.rows && SameItems(gold, answer);
    case Kind::kRatio:
      return SameItems(gold, answer);
    default:
      return false;
  }
}

bool AnswerComparison::SameScalar(const Value& gold, const Value& answer) {
  if (gold.is_percent == answer.is_percent) return algebra_.Equal(gold.scalar, answer.scalar);
  if (gold.is_percent) {
    // "50%" may be given as 0.5, and as 50 where the percent sign goes without saying.
    const Quotient share = algebra_.Divide(gold.scalar, algebra_.Number(100));
    return algebra_.Equal(share, answer.scalar) || algebra_.Equal(gold.scalar, answer.scalar);
  }
  // Where the gold is the number of percents, the sign is a unit. A share of at most 1 is
  // no number of percents.
  const auto number = Algebra::AsRational(gold.scalar);
  return number && BigRational(1) < *number && algebra_.Equal(gold.scalar, answer.scalar);
}

bool AnswerComparison::SameText(const Value& gold, const Value& answer) {
  if (gold.kind == answer.kind) return Folded(gold.text) == Folded(answer.text);
  // "red" without \text is a product of three variables.
  const Value& text = gold.kind == Kind::kText ? gold : answer;
  const Value& other = gold.kind == Kind::kText ? answer : gold;
  constexpr size_t kMaxLetters = 3;
  if (other.kind != Kind::kScalar || text.text.size() > kMaxLetters) return false;
  Quotient product = algebra_.Number(1);
  for (const char c : text.text) {
    product = algebra_.Multiply(product, c == 'e'   ? algebra_.E()
                                         : c == 'i' ? algebra_.ImaginaryUnit()
                                                    : algebra_.Variable(std::string(1, c)));
  }
  return algebra_.Equal(product, other.scalar);
}

bool AnswerComparison::SameItems(const Value& gold, const Value& answer) {
  if (gold.items.size() != answer.items.size()) return false;
  for (size_t i = 0; i < gold.items.size(); ++i) {
    if (!Same(gold.items[i], answer.items[i])) return false;
  }
  return true;
}

bool AnswerComparison::SameSet(const std::vector<Value>& gold, const std::vector<Value>& answer) {
  std::vector<bool> is_wanted(answer.size());
  for (const Value& item : gold) {
    bool is_found = false;
    for (size_t i = 0; i < answer.size(); ++i) {
      if (is_found && is_wanted[i]) continue;
      if (!Same(item, answer[i])) continue;
      is_wanted[i] = is_found = true;
    }
    if (!is_found || !algebra_.ok()) return false;
  }
  return std::all_of(is_wanted.begin(), is_wanted.end(), [](bool wanted) { return wanted; });
}

bool AnswerComparison::IsName(const Value& value) const {
  switch (value.kind) {
    case Kind::kScalar:
      return algebra_.IsName(value.scalar);
    case Kind::kText:
      return true;
    case Kind::kTuple:
    case Kind::kRatio:
      return std::all_of(value.items.begin(), value.items.end(),
                         [&](const Value& item) { return IsName(item); });
    default:
      return false;
  }
}

std::optional<AnswerComparison::Named> AnswerComparison::NamedValue(const Value& relation) {
  if (relation.ops.find_first_not_of("=~") != std::string::npos) return std::nullopt;
  const bool has_name = IsName(relation.items[0]);
  // 5 = x
  if (!has_name && relation.items.size() == 2 && IsName(relation.items[1])) {
    return Named{&relation.items[1], &relation.items[0]};
  }
  // What is about equal to the exact value only repeats it; "x is about 11" names 11.
  const size_t about = relation.ops.find('~', has_name ? 1 : 0);
  const size_t num_sides = about == std::string::npos ? relation.items.size() : about + 1;
  Named named{has_name ? &relation.items[0] : nullptr, &relation.items[num_sides - 1]};
  for (size_t i = has_name ? 1 : 0; i + 1 < num_sides; ++i) {
    if (!Same(relation.items[i], *named.value)) return std::nullopt;
  }
  return named;
}

bool AnswerComparison::Differences(const Value& relation, std::vector<Difference>& differences) {
  for (size_t i = 0; i < relation.ops.size(); ++i) {
    const Value *low = &relation.items[i], *high = &relation.items[i + 1];
    if (low->kind != Kind::kScalar || high->kind != Kind::kScalar) return false;
    const char op = relation.ops[i];
    if (op == '>' || op == 'g') std::swap(low, high);
    differences.push_back(
        {algebra_.Add(high->scalar, algebra_.Negate(low->scalar)), op == '<' || op == '>'});
  }
  return algebra_.ok();
}

bool AnswerComparison::SameRelation(const Value& gold, const Value& answer) {
  if (IsInequality(gold) != IsInequality(answer)) return false;
  std::vector<Difference> wanted, given;
  if (IsInequality(gold)) {
    if (gold.ops.size() != answer.ops.size() || !Differences(gold, wanted) ||
        !Differences(answer, given)) {
      return false;
    }
    for (const Difference& difference : wanted) {
      const auto same = std::find_if(given.begin(), given.end(), [&](const Difference& other) {
        if (other.is_strict != difference.is_strict) return false;
        const auto ratio = algebra_.Ratio(difference.value, other.value);
        return ratio && ratio->Sign() > 0;
      });
      if (same == given.end()) return false;
      given.erase(same);
    }
    return algebra_.ok();
  }
  const auto gold_named = NamedValue(gold), answer_named = NamedValue(answer);
  if (gold_named && answer_named && gold_named->name != nullptr && answer_named->name != nullptr &&
      Same(*gold_named->name, *answer_named->name)) {
    return Same(*gold_named->value, *answer_named->value);
  }
  // 2x + 4y - 3 = 0 is y = -x/2 + 3/4: both sides' differences are proportional.
  if (gold.ops.size() != 1 || answer.ops != gold.ops) return false;
  return Differences(gold, wanted) && Differences(answer, given) &&
         algebra_.Ratio(wanted[0].value, given[0].value).has_value();
}

std::optional<Value> AnswerComparison::AsInterval(const Value& relation) {
  const auto& items = relation.items;
  const auto is_below = [&](size_t i) { return relation.ops[i] == '<' || relation.ops[i] == 'l'; };
  const auto bracket = [&](size_t i, char round, char square) {
    return relation.ops[i] == '<' || relation.ops[i] == '>' ? round : square;
  };
  if (items.size() == 2) {
    const bool name_first = IsName(items[0]);
    if (name_first == IsName(items[1])) return std::nullopt;
    const Value& bound = items[name_first ? 1 : 0];
    if (is_below(0) == name_first) {
      return Interval('(', Infinity("-"), bound, bracket(0, ')', ']'));
    }
    return Interval(bracket(0, '(', '['), bound, Infinity(""), ')');
  }
  if (items.size() != 3 || !IsName(items[1]) || is_below(0) != is_below(1)) return std::nullopt;
  const size_t low = is_below(0) ? 0 : 1;
  return Interval(bracket(low, '(', '['), items[2 * low], items[2 - 2 * low],
                  bracket(1 - low, ')', ']'));
}

std::optional<Value> AnswerComparison::AsUnion(const Value& inequalities) {
  Value pieces;
  pieces.kind = Kind::kUnion;
  for (const Value& item : inequalities.items) {
    const auto interval = IsInequality(item) ? AsInterval(item) : std::nullopt;
    if (!interval) return std::nullopt;
    pieces.items.push_back(*interval);
  }
  return pieces;
}

}  // namespace agon::envs
