// The structure of an answer: tokens to a bounded tree.
//
// A tree, never a value: nothing is computed here, so `9**9**9` costs as much as `1+1`.
// Untrusted tokens: at most kMaxNodes nodes, kMaxDepth nested levels. Pure, thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "envs/math/answer_lexer.h"

namespace agon::envs {

enum class NodeKind {
  kNumber,  // text: as a token kNumber has it
  kBased,   // text: digits; child: base
  kSymbol,  // text: name, subscript included
  kText,    // text
  kInfinity,
  kEmptySet,
  kAdd,       // ops: '+', '-', 'p' (plus or minus), 'm' (minus or plus) before each child
  kMultiply,  // ops: '*', '/' before each child
  kPower,
  kRoot,  // children: radicand, degree if it isn't 2
  kFactorial,
  kPercent,
  kApply,  // text: function
  kTuple,  // open, close: "(" or "["
  kSet,
  kList,      // elements beside each other, or joined by "and", "or"
  kMatrix,    // rows; children row by row
  kRelation,  // ops: '=', '<', '>', 'l' (<=), 'g' (>=), '!', '~' between the children
  kMember,    // children: element, set
  kUnion,
  kIntersection,
  kRatio,  // 7:32, 12:00
};

struct Node {
  NodeKind kind = NodeKind::kText;
  std::string text, ops;
  std::vector<int> children;
  char open = '(', close = ')';
  int rows = 0;
};

inline constexpr size_t kMaxNodes = 800;
inline constexpr int kMaxDepth = 40;

struct ParsedAnswer {
  std::vector<Node> nodes;
  int root = -1;                   // -1 where the answer isn't understood
  std::string problem;             // then: why
  std::vector<std::string> units;  // words that follow numbers, in order
};

ParsedAnswer ParseAnswer(std::vector<Token> tokens);

}  // namespace agon::envs
