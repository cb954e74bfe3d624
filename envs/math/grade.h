// The math grader: does a response answer a question whose gold answer is known?
//
// The answer is found behind \boxed{}, "####" or "Answer:" (envs/math/extract.h), read as
// LaTeX or plain text, and compared exactly: numbers as fractions of big integers, formulas
// in a proven normal form (envs/math/algebra.h), sets, intervals, tuples, matrices,
// equations and inequalities part by part. Nothing is ever equal by a tolerance, and what
// is not understood is equal only to what is spelled the same.
//
// Wrong are also: no answer, two answers that differ (unless the gold is a set and the
// boxes hold its elements), an answer only inside <think>, an inequality where the gold is
// an interval, a percentage where the gold is a plain number of at most 1.
//
// Untrusted bytes on both sides: linear in the response, and the comparison is bounded to
// about a millisecond whatever the answer says. Pure and thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace agon::envs {

inline constexpr size_t kMaxMathAnswerBytes = 2000;

struct MathGrade {
  bool correct = false;
  std::string extracted;  // the answer as written; "" where there is no single one
  std::string reason;     // one short line for a person
};

struct MathGradeOptions {
  // Numbers are written "1.000,99": "2,74" is one number, not two.
  bool european_comma = false;
};

// `gold` is an answer ("72", "\frac{1}{2}"), or a solution that holds one behind a marker
// ("... #### 72"); several boxes in it are the elements of a set. Throws Error(kCorrupt) if
// there is no answer in it.
MathGrade GradeMath(std::string_view gold, std::string_view response,
                    const MathGradeOptions& options = {});

// The answer that a gold holds: "72" of "... #### 72", "1, -2" of two boxes. Throws as
// GradeMath does.
std::string GoldAnswer(std::string_view gold);

}  // namespace agon::envs
