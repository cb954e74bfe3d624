// Grading in bulk: JSON lines in, JSON lines out, as `rl-env grade` does.
// The fields are described in docs/formats/grade.md.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>

namespace agon::envs {

// Grades one line, a JSON object, and returns the answer's fields as one. Throws
// Error(kCorrupt) naming `where` if the line isn't what it should be.
using LineGrader = std::function<std::string(std::string_view line, const std::string& where)>;

// {"gold", "response", "european_comma"?} to {"reward", "extracted", "reason"}; any other
// field, such as "id", is kept in front of these.
std::string GradeMathLine(std::string_view line, const std::string& where);

// {"response", "tests" | "check" | "calls" | "stdio", ...} to {"reward", "passed", "total",
// "tests", "extracted"}. Programs run in the sandbox, which is made here and told
// of in `description`, one line for people; throws Error(kUnsupported) where the machine has
// none, unless `unsafe_no_isolation` allows to run them as this user. Thread-safe.
LineGrader MakeCodeLineGrader(bool unsafe_no_isolation, std::string* description);

struct GradedLines {
  int64_t num_lines = 0;   // without blank ones
  int64_t num_broken = 0;  // that could not be graded
};

// Writes what `grade` returns for each line of `in`, in order. A broken line (`grade` throws
// Error) has a null reward, an "error" and the "id" it came with, and is named on `errors`
// by `name` and its number; the others go on. With more than one thread `grade` is called by
// them at once; what is written is the same.
GradedLines GradeLines(std::istream& in, std::string_view name, const LineGrader& grade,
                       std::ostream& out, std::ostream& errors, int num_threads = 1);

}  // namespace agon::envs
