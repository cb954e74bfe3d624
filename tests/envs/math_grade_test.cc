#include "envs/math/grade.h"

#include <gtest/gtest.h>

#include <string>

namespace agon::envs {
namespace {

struct Pair {
  const char* gold;
  const char* answer;
};

std::string Box(std::string_view answer) {
  return "So it is $\\boxed{" + std::string(answer) + "}$.";
}

MathGrade Grade(std::string_view gold, std::string_view answer) {
  return GradeMath(gold, Box(answer));
}

// --- The corner cases of published graders ------------------------------------------------

constexpr Pair kEqual[] = {
    {"1/2", "0.5"},
    {"1/2", "\\frac12"},
    {"1/2", "\\dfrac{1}{2}"},
    {"1/2", "\\tfrac12"},
    {"0.5", "\\frac{1}{2}"},
    {"7,425,000", "7425000"},
    {"7425000", "7{,}425{,}000"},
    {"7425000", "7\\,425\\,000"},
    {"11111", "11,\\!111"},
    {"1000.0", "1000"},
    {".4", "0.4"},
    {"\\sqrt{3}", "\\sqrt3"},
    {"\\sqrt{3}", "\\sqrt 3"},
    {"\\frac{9\\pi}{4}", "\\frac94\\pi"},
    {"1", "k=1"},
    {"11", "x=5+5+1=11"},
    {"x=11", "x=5+5+1=11"},
    {"1/3", "1/3\\approx0.333"},
    {"1/3", "x = \\frac13 \\approx 0.333"},
    {"90", "90^\\circ"},
    {"90", "90^{\\circ}"},
    {"125", "125\\text{ miles}"},
    {"125\\text{ miles}", "125 miles"},
    {"C", "\\text{(C)}"},
    {"\\text{(C)}", "C"},
    {"C", "(C)"},
    {"\\{1,2,3,4\\}", "\\{1,3\\}\\cup\\{2,4\\}"},
    {"{1,2,3,4}", "{1,3}\\cup{2,4}"},
    {"1\\pm\\sqrt{19}", "1\\pm\\sqrt{19}"},
    {"1\\pm\\sqrt{19}", "1+\\sqrt{19}, 1-\\sqrt{19}"},
    {"\\{1\\pm\\sqrt5,-2\\}", "\\{-2, 1-\\sqrt{5}, 1+\\sqrt{5}\\}"},
    {"\\pm 2021", "\\{-2021, 2021\\}"},
    {"2x+4y-3=0", "y=-x/2+3/4"},
    {"2x+4y-3=0", "y=-\\frac{1}{2}x+\\frac{3}{4}"},
    {"a<2", "2>a"},
    {"x\\le 5", "5\\ge x"},
    {"x < 1", "-x > -1"},
    {"7:32", "7:32"},
    {"12:00", "12:00"},
    {"204_5", "204_5"},
    {"204_5", "204_{5}"},
    {"\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}",
     "\\begin{bmatrix} 1 & 2 \\\\ 3 & 4 \\end{bmatrix}"},
    {"\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}",
     "\\left[\\begin{array}{cc}1 & 2\\\\3 & 4\\\\\\end{array}\\right]"},
    {"(3,2)", "(p,q)=(3,2)"},
    {"\\text{a}_{\\{1\\}}", "\\text{a}_{\\{1\\}}"},
    {"320000", "3.2\\times10^5"},
    {"320000", "3.2e5"},
    {"3.2\\times 10^{5}", "3.2e5"},
    {"7 3/4", "31/4"},
    {"7\\frac{3}{4}", "\\frac{31}{4}"},
    {"-7\\frac{3}{4}", "-7.75"},
    {"-\\frac{1}{2}", "\\frac{-1}{2}"},
    {"-\\frac{1}{2}", "\\frac{1}{-2}"},
};

TEST(MathGradeTest, EqualEitherWay) {
  for (const auto& [gold, answer] : kEqual) {
    EXPECT_TRUE(Grade(gold, answer).correct)
        << gold << " <- " << answer << ": " << Grade(gold, answer).reason;
    EXPECT_TRUE(Grade(answer, gold).correct)
        << answer << " <- " << gold << ": " << Grade(answer, gold).reason;
  }
}

constexpr Pair kDifferent[] = {
    {"(0,9)", "[0,9)"},
    {"(3,1)", "(1,3)"},
    {"32, 349", "32349"},
    {"4", "4\\sqrt2"},
    {"\\pm2021", "2021"},
    {"f(x)", "f(y)"},
    {"x>5", "x<5"},
    {"x>5", "x\\ge5"},
    {"1-1/e", "1+1/e"},
    {"1/2004!", "1/2006!"},
    {"\\frac{1}{2004!}", "\\frac{1}{2006!}"},
    {"2^{-99}", "2^{-98}"},
    {"\\frac{1}{2^{99}}", "\\frac{1}{2^{98}}"},
    {"12:00", "1:00"},
    {"9.11", "9.9"},
    {"2", "AZYUK2A"},
    {"1/3", "0.333"},
    {"1000", "1009"},
    {"0.009", "0.001"},
};

TEST(MathGradeTest, DifferentEitherWay) {
  for (const auto& [gold, answer] : kDifferent) {
    EXPECT_FALSE(Grade(gold, answer).correct) << gold << " <- " << answer;
    EXPECT_FALSE(Grade(answer, gold).correct) << answer << " <- " << gold;
    EXPECT_TRUE(Grade(gold, gold).correct) << gold;
    EXPECT_TRUE(Grade(answer, answer).correct) << answer;
  }
}

}  // namespace
}  // namespace agon::envs
