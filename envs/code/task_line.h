// Programs, tests and tasks as lines of JSON: docs/formats/grade.md.
#pragma once

#include <string>
#include <string_view>

#include "core/json.h"
#include "envs/code/grader.h"

namespace agon::envs {

// A task of a file such as MBPP's.
struct CodeFileTask {
  std::string question;  // with the first test, which tells the function's name
  std::string solution;
  CodeTests tests;
};

// Both throw Error(kCorrupt) naming `where` and the field.
CodeFileTask ReadCodeFileTask(std::string_view line, const std::string& where);

// "tests", "check", "calls", "stdio" and what goes with them.
CodeTests ReadCodeTests(const Json& object, const std::string& where);

// The function that `tests` ask for, as far as their text shows: the first name that stands
// before a "(" and that `code` defines; "" if there is none.
std::string FindEntryPoint(std::string_view tests, std::string_view code);

}  // namespace agon::envs
