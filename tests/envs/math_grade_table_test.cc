// The corner cases that published graders are known to get wrong or to differ on.
#include <gtest/gtest.h>

#include "tests/envs/boxed_grade.h"
#include "tests/envs/grade_corner_cases.h"

namespace agon::envs {
namespace {

TEST(MathGradeTableTest, EqualEitherWay) {
  for (const auto& [gold, answer] : kEqualAnswers) {
    EXPECT_TRUE(GradeBoxed(gold, answer).correct) << gold << " <- " << answer;
    EXPECT_TRUE(GradeBoxed(answer, gold).correct) << answer << " <- " << gold;
  }
}

TEST(MathGradeTableTest, DifferentEitherWay) {
  for (const auto& [gold, answer] : kDifferentAnswers) {
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
