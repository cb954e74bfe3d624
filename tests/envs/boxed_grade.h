// Grades answers that stand in a box. For the tables of the grader's tests.
#pragma once

#include <string>
#include <string_view>

#include "envs/math/grade.h"

namespace agon::envs {

struct GoldAndAnswer {
  const char* gold;
  const char* answer;
};

inline MathGrade GradeBoxed(std::string_view gold, std::string_view answer) {
  return GradeMath(gold, "So it is $\\boxed{" + std::string(answer) + "}$.");
}

}  // namespace agon::envs
