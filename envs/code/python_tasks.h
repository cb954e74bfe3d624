// Small functions to write in Python: what is asked, one solution and hidden tests.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/rng.h"
#include "envs/code/plain_value.h"

namespace agon::envs {

struct PythonTask {
  std::string parameter;           // of f: "x", a whole number; "a", a list of them; "s", a str
  std::string description;         // "start with x, add 3, multiply by 2"; what splits go by
  std::string solution;            // an expression
  std::vector<std::string> steps;  // the expression as it grows
  // Argument and result: those that the question shows, and those that nobody sees.
  std::vector<std::pair<PlainValue, PlainValue>> examples, hidden;
};

inline constexpr int kNumPythonDifficulties = 4;

// Arithmetic on x, one to three operations; the hardest with // and %.
PythonTask DrawExpression(Rng& rng, int difficulty);
// A list comprehension, a reduction, or one on the other.
PythonTask DrawListFunction(Rng& rng, int difficulty);
// Slices and methods of a str.
PythonTask DrawStringFunction(Rng& rng, int difficulty);

}  // namespace agon::envs
