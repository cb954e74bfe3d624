// The grammar of answers, by recursive descent. Private to answer_parser.h.
//
// Each function takes one construct at the current token and returns its node, or -1 after
// Fail. The loosest binding stands first:
//   list       element (, element)*          also ; and "and", "or"
//   relation   sets (= < <= ... sets)*       or sets \in sets
//   sets       ratio (\cup ratio)*
//   ratio      sum (: sum)*
//   sum        product (+ - \pm product)*
//   product    factor (* / or nothing, factor)*, percent signs, mixed numbers, units
//   factor     primary (^ exponent | !)*
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "envs/math/answer_parser.h"

namespace agon::envs {

class AnswerGrammar {
 public:
  explicit AnswerGrammar(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  ParsedAnswer Run();

 private:
  // --- Tokens and nodes -----------------------------------------------------------------

  const Token& Peek(size_t ahead = 0) const {
    return tokens_[std::min(position_ + ahead, tokens_.size() - 1)];
  }
  bool At(TokenKind kind) const { return Peek().kind == kind; }
  bool AtOpen(std::string_view text) const { return At(TokenKind::kOpen) && Peek().text == text; }
  bool Take(TokenKind kind) {
    if (!At(kind)) return false;
    ++position_;
    return true;
  }

  int Fail(std::string_view problem) {
    if (problem_.empty()) problem_ = problem;
    return -1;
  }
  int Unexpected() { return Fail(At(TokenKind::kEnd) ? "unexpected end" : "unexpected sign"); }

  int Make(NodeKind kind, std::string text = "", std::vector<int> children = {});
  int MakeWithOps(NodeKind kind, std::vector<int> children, std::string ops);
  Node& NodeAt(int node) { return result_.nodes[node]; }

  // --- Whole answers --------------------------------------------------------------------

  int Words();
  bool AtSeparator() const {
    return At(TokenKind::kComma) || At(TokenKind::kSemicolon) || At(TokenKind::kSeparator);
  }

  int List();
  std::vector<int> Elements();
  int Element();
  int Relation();
  int Sets();
  int Ratio();

  // --- Sums and products ----------------------------------------------------------------

  static char SumOp(TokenKind kind);
  int Sum();
  bool StartsFactor() const;
  int Product();
  int SignedFactor();
  bool Suffix(std::vector<int>& factors, std::string& ops, size_t start);
  bool MixedNumber(std::vector<int>& factors, std::string& ops);
  bool Unit(std::vector<int>& factors, std::string& ops, size_t start);

  // --- Factors --------------------------------------------------------------------------

  int Factor();
  bool IsDegrees();
  int Exponent();
  int Argument();
  int FractionArgument();
  int Primary();
  int Number();
  int Symbol();
  std::vector<int> Arguments();
  int Function();
  bool IsMinusOne(int node);
  int BareArgument();
  int Root();

  // --- Brackets -------------------------------------------------------------------------

  int Bracket();
  int Bars();
  int Matrix();

  std::vector<Token> tokens_;
  size_t position_ = 0;
  int depth_ = 0;
  int bars_ = 0;  // |...| that are open
  ParsedAnswer result_;
  std::string problem_;
};

}  // namespace agon::envs
