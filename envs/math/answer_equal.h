// Whether an answer is the gold answer in another form.
//
// The relation is not symmetric: a gold says what is wanted, so a percentage may be given
// as a number only where the gold is a percentage, and an inequality does not answer a
// question for an interval while an interval does answer one for an inequality.
#pragma once

#include <string>

#include "envs/math/algebra.h"
#include "envs/math/answer_value.h"

namespace agon::envs {

class AnswerComparison {
 public:
  // `algebra` made both values; it must outlive this.
  explicit AnswerComparison(Algebra& algebra) : algebra_(algebra) {}

  bool Same(const Value& gold, const Value& answer);

  // Why the last Same was false, where there is more to say than that the values differ.
  const std::string& reason() const { return reason_; }

 private:
  using Kind = Value::Kind;

  bool SameScalar(const Value& gold, const Value& answer);
  bool SameText(const Value& gold, const Value& answer);
  bool SameItems(const Value& gold, const Value& answer);
  bool SameSet(const std::vector<Value>& gold, const std::vector<Value>& answer);
  bool SameRelation(const Value& gold, const Value& answer);

  bool IsName(const Value& value) const;
  // x = ... = 5 names the value 5; nullopt for an equation that names nothing, or whose
  // sides contradict each other. `name` is the first side if it is a name.
  struct Named {
    const Value* name = nullptr;
    const Value* value = nullptr;
  };
  std::optional<Named> NamedValue(const Value& relation);
  // The set of numbers that an inequality describes.
  std::optional<Value> AsInterval(const Value& relation);
  std::optional<Value> AsUnion(const Value& inequalities);

  struct Difference {
    Quotient value;  // greater than 0, or at least 0 if not `is_strict`
    bool is_strict;
  };
  bool Differences(const Value& relation, std::vector<Difference>& differences);

  Algebra& algebra_;
  std::string reason_;
};

}  // namespace agon::envs
