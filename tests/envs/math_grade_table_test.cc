// The corner cases that published graders are known to get wrong or to differ on.
#include <gtest/gtest.h>

#include "tests/envs/boxed_grade.h"

namespace agon::envs {
namespace {

constexpr GoldAndAnswer kEqual[] = {
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

TEST(MathGradeTableTest, EqualEitherWay) {
  for (const auto& [gold, answer] : kEqual) {
    EXPECT_TRUE(GradeBoxed(gold, answer).correct) << gold << " <- " << answer;
    EXPECT_TRUE(GradeBoxed(answer, gold).correct) << answer << " <- " << gold;
  }
}

constexpr GoldAndAnswer kDifferent[] = {
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

TEST(MathGradeTableTest, DifferentEitherWay) {
  for (const auto& [gold, answer] : kDifferent) {
    EXPECT_FALSE(GradeBoxed(gold, answer).correct) << gold << " <- " << answer;
    EXPECT_FALSE(GradeBoxed(answer, gold).correct) << answer << " <- " << gold;
    EXPECT_TRUE(GradeBoxed(gold, gold).correct) << gold;
    EXPECT_TRUE(GradeBoxed(answer, answer).correct) << answer;
  }
}

// --- What a gold asks for ---------------------------------------------------------------

constexpr GoldAndAnswer kRightOneWay[] = {
    {"50\\%", "0.5"},
    {"50\\%", "\\frac12"},
    {"50\\%", "50%"},
    {"50\\%", "50 percent"},
    {"50\\%", "50"},
    {"50", "50\\%"},
    {"-2\\le x\\le 7", "x\\in[-2,7]"},
    {"x>5", "(5,\\infty)"},
    {"x\\le 3", "(-\\infty,3]"},
    {"0<x<9", "(0,9)"},
    {"x<2\\text{ or }x>3", "(-\\infty,2)\\cup(3,\\infty)"},
    {"AB=6,CD=7", "6, 7"},
    {"x=-2,\\ p=\\frac{7}{3}", "-2, \\frac{7}{3}"},
    {"\\frac{PQ}{RQ}=\\frac{1}{\\sqrt{6}}", "\\frac{1}{\\sqrt{6}}"},
    {"U:V=7:32", "7:32"},
    {"V_1:V_2=5:8", "5:8"},
    {"x=1\\text{ or }x=-2", "\\{1,-2\\}"},
    {"\\{1,-2\\}", "x=1\\text{ or }x=-2"},
    {"1,-2", "x=1, x=-2"},
};

TEST(MathGradeTableTest, RightForThisGold) {
  for (const auto& [gold, answer] : kRightOneWay) {
    EXPECT_TRUE(GradeBoxed(gold, answer).correct) << gold << " <- " << answer;
  }
}

constexpr GoldAndAnswer kWrongOneWay[] = {
    {"0.5", "50\\%"},
    {"\\frac12", "50\\%"},
    {"0.5", "0.5%"},
    {"[-2,7]", "-2\\le x\\le7"},
    {"x\\in[-2,7]", "-2\\le x\\le7"},
    {"(5,\\infty)", "x>5"},
    {"x\\le 3", "(-\\infty,3)"},
    {"(0,9)", "0<x<9"},
    {"(-\\infty,2)\\cup(3,\\infty)", "x<2\\text{ or }x>3"},
};

TEST(MathGradeTableTest, WrongForThisGold) {
  for (const auto& [gold, answer] : kWrongOneWay) {
    EXPECT_FALSE(GradeBoxed(gold, answer).correct) << gold << " <- " << answer;
  }
}

TEST(MathGradeTableTest, AnInequalityForAnIntervalIsNamedAsSuch) {
  EXPECT_EQ(GradeBoxed("[-2,7]", "-2\\le x\\le 7").reason,
            "an inequality where an interval is wanted");
}

}  // namespace
}  // namespace agon::envs
