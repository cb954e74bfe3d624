// reason/propositional_logic: whether a formula is true.
//
//   p is true, q is false, r is true. Is (p and q) or (not r) true or false?
//   true and false = false
//   not true = false
//   false or false = false
//   Answer: false
//
// Difficulty is the number of variables in the formula: 2, 3, 4 and 6; from 2 on with
// "implies".
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "envs/reason/text.h"

namespace agon::envs {
namespace {

constexpr std::array<int, 4> kNumLeaves = {2, 3, 4, 6};
constexpr size_t kNumVariables = 4;
constexpr std::string_view kVariables = "pqrs";

const char* Word(bool value) { return value ? "true" : "false"; }

// A formula, as it is evaluated while it is drawn.
struct Formula {
  std::string text;
  bool value = false;
};

class Drawing {
 public:
  Drawing(Rng& rng, int difficulty) : rng_(rng), num_ops_(difficulty < 2 ? 2 : 3) {
    for (bool& value : values_) value = rng_.Below(2) == 0;
  }

  // Depth is bounded by the number of leaves, at most 6.
  Formula Draw(int num_leaves) {
    Formula formula = num_leaves == 1 ? Leaf() : Binary(num_leaves);
    if (rng_.Below(4) != 0) return formula;
    formula.text = "not " + (num_leaves == 1 ? formula.text : "(" + formula.text + ")");
    steps_.push_back(std::string("not ") + Word(formula.value) + " = " + Word(!formula.value));
    formula.value = !formula.value;
    return formula;
  }

  // "p is true, q is false", of the variables that stand in the formula.
  std::string Givens() const {
    std::vector<std::string> givens;
    for (size_t i = 0; i < kNumVariables; ++i) {
      if (used_[i]) givens.push_back(std::string(1, kVariables[i]) + " is " + Word(values_[i]));
    }
    return Listed(givens);
  }
  std::vector<std::string> TakeSteps() { return std::move(steps_); }

 private:
  Formula Leaf() {
    const size_t which = rng_.Below(kNumVariables);
    used_[which] = true;
    return {std::string(1, kVariables[which]), values_[which]};
  }

  Formula Binary(int num_leaves) {
    const auto num_left = static_cast<int>(rng_.Between(1, num_leaves - 1));
    const Formula left = Draw(num_left), right = Draw(num_leaves - num_left);
    constexpr std::array<std::string_view, 3> kOps = {"and", "or", "implies"};
    const size_t op = rng_.Below(num_ops_);
    const bool value = op == 0   ? left.value && right.value
                       : op == 1 ? left.value || right.value
                                 : !left.value || right.value;
    const std::string between = " " + std::string(kOps[op]) + " ";
    steps_.push_back(Word(left.value) + between + Word(right.value) + " = " + Word(value));
    const auto wrapped = [](const Formula& formula) {
      return formula.text.size() == 1 ? formula.text : "(" + formula.text + ")";
    };
    return {wrapped(left) + between + wrapped(right), value};
  }

  Rng& rng_;
  const uint64_t num_ops_;
  std::array<bool, kNumVariables> values_{}, used_{};
  std::vector<std::string> steps_;
};

Problem Draw(Rng& rng, int difficulty) {
  Drawing drawing(rng, difficulty);
  const Formula formula = drawing.Draw(kNumLeaves[static_cast<size_t>(difficulty)]);
  const std::string givens = drawing.Givens();
  return {givens + ". Is " + formula.text + " true or false?",
          Word(formula.value),
          drawing.TakeSteps(),
          {},
          givens + ": " + formula.text};
}

std::unique_ptr<Env> MakePropositionalLogic(std::string_view params) {
  ProblemEnvSpec spec;
  spec.info.id = "reason/propositional_logic-v1";
  spec.info.summary = "Whether a formula of and, or, not and implies is true";
  spec.info.num_difficulties = static_cast<int>(kNumLeaves.size());
  spec.families = {{"formula", Draw, 0.58}};  // one of two answers
  spec.verify = VerifyText;
  return MakeProblemEnv(std::move(spec), params);
}

REGISTER_ENV("reason/propositional_logic-v1", MakePropositionalLogic);

}  // namespace
}  // namespace agon::envs
