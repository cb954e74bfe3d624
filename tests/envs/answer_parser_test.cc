#include "envs/math/answer_parser.h"

#include <gtest/gtest.h>

#include <string>

#include "envs/math/vocabulary.h"

namespace agon::envs {
namespace {

// The tree as nested brackets: "(add+- (number 1) (symbol x))".
std::string Tree(const ParsedAnswer& answer, int index) {
  constexpr const char* kNames[] = {
      "number", "based",    "symbol",    "text",    "infinity",     "empty", "add", "mul",
      "power",  "root",     "factorial", "percent", "apply",        "tuple", "set", "list",
      "matrix", "relation", "member",    "union",   "intersection", "ratio"};
  const Node& node = answer.nodes[index];
  std::string tree = "(" + std::string(kNames[static_cast<int>(node.kind)]) + node.ops;
  if (!node.text.empty()) tree += " " + node.text;
  for (const int child : node.children) tree += " " + Tree(answer, child);
  return tree + ")";
}

std::string Parse(std::string_view text, const LexOptions& options = {}) {
  const ParsedAnswer answer = ParseAnswer(LexAnswer(text, options));
  return answer.root < 0 ? "" : Tree(answer, answer.root);
}

std::string ProblemOf(std::string_view text) { return ParseAnswer(LexAnswer(text, {})).problem; }

std::string OnlyNumber(std::string_view text, const LexOptions& options = {}) {
  const auto tokens = LexAnswer(text, options);
  return tokens.size() == 2 && tokens[0].kind == TokenKind::kNumber ? tokens[0].text : "";
}

TEST(AnswerLexerTest, NumbersInEveryNotation) {
  const std::pair<const char*, const char*> cases[] = {
      {"12", "12"},           {".5", "0.5"},       {"1,234", "1234"},
      {"1,234.5", "1234.5"},  {"1{,}234", "1234"}, {"1,\\!234", "1234"},
      {"1\\,234", "1234"},    {"1 234", "1234"},   {"7,425,000", "7425000"},
      {"3.2e5", "3.2e5"},     {"3E-2", "3e-2"},    {"13.", "13"},
      {"$13$", "13"},         {"\\$13", "13"},     {"0.\\overline{3}", "0.(3)"},
      {"1\u202f000", "1000"}, {"\u20ac5", "5"},    {"\\text{5}", ""},
      {"1,23", ""},           {"1,2345", ""},      {"1.2.3", ""},
  };
  for (const auto& [text, number] : cases) EXPECT_EQ(OnlyNumber(text), number) << text;
}

TEST(AnswerLexerTest, EuropeanNumbers) {
  const LexOptions european{true};
  EXPECT_EQ(OnlyNumber("2,74", european), "2.74");
  EXPECT_EQ(OnlyNumber("1.000,99", european), "1000.99");
  EXPECT_EQ(OnlyNumber("1.234.567", european), "1234567");
  EXPECT_EQ(OnlyNumber("2.74", european), "2.74");
  EXPECT_EQ(OnlyNumber("2, 74", european), "");
}

TEST(AnswerLexerTest, SpellingsOfOneSignAreOneToken) {
  for (const auto& [a, b] : {std::pair{"\\le", "<="},
                             {"\u2264", "\\leq"},
                             {"\\cdot", "*"},
                             {"\u00d7", "\\times"},
                             {"\\dfrac", "\\frac"},
                             {"\u221e", "\\infty"},
                             {"\u2212", "-"},
                             {"**", "^"},
                             {"\\{", "\\lbrace"},
                             {"\u03c0", "\\pi"},
                             {"\\text{ or }", "or"},
                             {"x\u00b2", "x^2"},
                             {"\\operatorname{sin}", "sin"},
                             {"\\left(x\\right)", "(x)"},
                             {"\\mathrm{e}", "e"},
                             {"\\%", "percent"},
                             {"\\\\le", "\\le"},
                             {"\\displaystyle x", "x"},
                             {"\\boxed{x}", "{x}"}}) {
    EXPECT_EQ(Spell(LexAnswer(a, {})), Spell(LexAnswer(b, {}))) << a << " and " << b;
  }
}

TEST(AnswerLexerTest, WordsAndProductsOfLetters) {
  const auto kinds = [](std::string_view text) {
    std::string result;
    for (const Token& token : LexAnswer(text, {})) {
      if (token.kind == TokenKind::kSymbol) result += 's';
      if (token.kind == TokenKind::kWord) result += 'w';
      if (token.kind == TokenKind::kText) result += 't';
      if (token.kind == TokenKind::kFunction) result += 'f';
    }
    return result;
  };
  EXPECT_EQ(kinds("xyz"), "sss");
  EXPECT_EQ(kinds("Tuesday"), "w");
  EXPECT_EQ(kinds("5 big apples"), "ww");
  EXPECT_EQ(kinds("5 cm"), "w");
  EXPECT_EQ(kinds("5 min"), "w");
  EXPECT_EQ(kinds("min(5,6)"), "f");
  EXPECT_EQ(kinds("sin x"), "fs");
  EXPECT_EQ(kinds("\\text{red}"), "t");
  EXPECT_EQ(kinds("\\text{C}"), "s");
  EXPECT_EQ(kinds("\\mathbb{R}"), "s");
}

TEST(AnswerParserTest, Precedence) {
  EXPECT_EQ(Parse("1+2*3"), "(add++ (number 1) (mul** (number 2) (number 3)))");
  EXPECT_EQ(Parse("-2^2"), "(add- (power (number 2) (number 2)))");
  EXPECT_EQ(Parse("2^3^4"), "(power (number 2) (power (number 3) (number 4)))");
  EXPECT_EQ(Parse("a/b/c"), "(mul*// (symbol a) (symbol b) (symbol c))");
  EXPECT_EQ(Parse("2*-3"), "(mul** (number 2) (add- (number 3)))");
  EXPECT_EQ(Parse("3!^2"), "(power (factorial (number 3)) (number 2))");
  EXPECT_EQ(Parse("2\\sin 3x+1"),
            "(add++ (mul** (number 2) (apply sin (mul** (number 3) (symbol x)))) (number 1))");
  EXPECT_EQ(Parse("\\sin^2 x"), "(power (apply sin (symbol x)) (number 2))");
  EXPECT_EQ(Parse("\\sin^{-1}x"), "(apply arcsin (symbol x))");
  EXPECT_EQ(Parse("\\log_2 8"), "(apply log (number 2) (number 8))");
}

TEST(AnswerParserTest, ArgumentsWithoutBraces) {
  EXPECT_EQ(Parse("\\frac12"), "(mul*/ (number 1) (number 2))");
  EXPECT_EQ(Parse("\\frac94\\pi"), "(mul** (mul*/ (number 9) (number 4)) (symbol pi))");
  EXPECT_EQ(Parse("\\frac3{4}"), Parse("\\frac{3}4"));
  EXPECT_EQ(Parse("\\sqrt3"), Parse("\\sqrt{3}"));
  EXPECT_EQ(Parse("\\sqrt[3]{2}"), "(root (number 2) (number 3))");
  EXPECT_EQ(Parse("x^23"), "(power (symbol x) (number 23))");
}

TEST(AnswerParserTest, MixedNumbersPercentsAndUnits) {
  EXPECT_EQ(Parse("7 3/4"), "(add++ (number 7) (mul*/ (number 3) (number 4)))");
  EXPECT_EQ(Parse("7\\frac34"), Parse("7 3/4"));
  EXPECT_EQ(Parse("2\\frac{x}{3}"), "(mul** (number 2) (mul*/ (symbol x) (number 3)))");
  EXPECT_EQ(Parse("50\\%"), "(percent (number 50))");
  EXPECT_EQ(Parse("90^\\circ"), "(number 90)");
  const ParsedAnswer miles = ParseAnswer(LexAnswer("125\\text{ miles}", {}));
  EXPECT_EQ(miles.units, std::vector<std::string>{"miles"});
  EXPECT_EQ(Parse("3 miles per hour"), "(number 3)");
  EXPECT_EQ(Parse("5 million"), "(mul** (number 5) (number 1000000))");
}

TEST(AnswerParserTest, Compounds) {
  EXPECT_EQ(Parse("(1,2)"), "(tuple (number 1) (number 2))");
  EXPECT_EQ(Parse("(1)"), "(number 1)");
  EXPECT_EQ(Parse("\\{1\\}"), "(set (number 1))");
  EXPECT_EQ(Parse("{1,2}"), "(set (number 1) (number 2))");
  EXPECT_EQ(Parse("1, 2, and 3"), "(list (number 1) (number 2) (number 3))");
  EXPECT_EQ(Parse("0<x\\le1"), "(relation<l (number 0) (symbol x) (number 1))");
  EXPECT_EQ(Parse("x\\in[0,1)"), "(member (symbol x) (tuple (number 0) (number 1)))");
  EXPECT_EQ(Parse("7:32"), "(ratio (number 7) (number 32))");
  EXPECT_EQ(Parse("204_5"), "(based 204 (number 5))");
  EXPECT_EQ(Parse("|x||y|"), "(mul** (apply | (symbol x)) (apply | (symbol y)))");
  EXPECT_EQ(Parse("f(x,y)"), "(apply f (symbol x) (symbol y))");
  EXPECT_EQ(Parse("\\begin{pmatrix}1\\\\2\\end{pmatrix}"), "(matrix (number 1) (number 2))");
  EXPECT_EQ(Parse("no solution"), "(text no solution)");
}

TEST(AnswerParserTest, NonsenseIsRefusedWithAReason) {
  for (const char* text : {"",
                           "+",
                           "1+",
                           "(1",
                           "1)",
                           "(1,2",
                           "[1)",
                           "\\{1)",
                           "\\frac1",
                           "\\sqrt",
                           "3 4",
                           "x^",
                           "1==",
                           "5 minus 1",
                           "not 5",
                           "\\begin{cases}1\\end{cases}",
                           "\\begin{pmatrix}1&2\\\\3\\end{pmatrix}",
                           "a,,",
                           "\\int x",
                           "|x",
                           "5_"}) {
    EXPECT_EQ(Parse(text), "") << text;
    EXPECT_NE(ProblemOf(text), "") << text;
  }
}

TEST(AnswerParserTest, DepthAndSizeAreBounded) {
  const auto nested = [](int depth) {
    return std::string(depth, '(') + "1" + std::string(depth, ')');
  };
  EXPECT_NE(Parse(nested(10)), "");
  EXPECT_EQ(ProblemOf(nested(1000)), "nested too deeply");
  EXPECT_EQ(ProblemOf("2" + std::string(1000, '^')), "unexpected sign");
  std::string sum = "1";
  for (int i = 0; i < 2000; ++i) sum += "+1";
  EXPECT_EQ(ProblemOf(sum), "too large");
}

TEST(VocabularyTest, UnitsAndMagnitudes) {
  EXPECT_EQ(CanonicalUnit("Centimeters"), "cm");
  EXPECT_EQ(CanonicalUnit("inches"), CanonicalUnit("inch"));
  EXPECT_EQ(CanonicalUnit("apples"), "");
  EXPECT_EQ(Magnitude("Million"), 1000000);
  EXPECT_EQ(Magnitude("apples"), 0);
  EXPECT_TRUE(ChangesValue("squared"));
  EXPECT_FALSE(ChangesValue("square"));
}

}  // namespace
}  // namespace agon::envs
