// What an answer means: the tree of the parser with every formula in normal form.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "envs/math/algebra.h"
#include "envs/math/answer_parser.h"

namespace agon::envs {

struct Value {
  enum class Kind {
    kScalar,    // scalar
    kText,      // text
    kBased,     // scalar, text: the base
    kInfinity,  // text: "" or "-"
    kTuple,     // items in order, in brackets `open` and `close`: an interval, too
    kSet,       // items in no order: a set, a list, several solutions
    kUnion,     // items: sets and intervals
    kMatrix,    // items row by row, `rows`
    kRelation,  // items with `ops` between them, as in NodeKind::kRelation
    kMember,    // items: element, set
    kRatio,     // items
  };
  Kind kind = Kind::kScalar;
  Quotient scalar;
  bool is_percent = false;  // kScalar: "50%" has the scalar 50
  std::string text, ops;
  char open = '(', close = ')';
  int rows = 0;
  std::vector<Value> items;
};

// nullopt where the answer makes no sense to the algebra, whose problem() may say why. A
// plus-minus stands for both values, so an answer that holds one is a set.
std::optional<Value> Evaluate(const ParsedAnswer& answer, Algebra& algebra);

}  // namespace agon::envs
