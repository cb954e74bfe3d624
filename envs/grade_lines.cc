#include "envs/grade_lines.h"

#include <algorithm>
#include <iostream>

#include "core/error.h"
#include "core/json.h"
#include "envs/math/grade.h"

namespace agon::envs {
namespace {

// Bytes that are no UTF-8 are replaced, so that what is written is JSON whatever was read.
std::string Dump(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

// What says who a line is, for lines that can't be graded.
Json IdentityOf(std::string_view line) {
  Json identity = Json::object();
  try {
    const Json object = ParseJson(line, "");
    if (object.is_object() && object.contains("id")) identity["id"] = object["id"];
  } catch (const Error&) {
    // A line that is no JSON has no identity.
  }
  return identity;
}

bool IsBlank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

}  // namespace

std::string GradeMathLine(std::string_view line, const std::string& where) {
  Json object = ParseJson(line, where);
  if (!object.is_object()) throw Error(ErrorKind::kCorrupt, "not a JSON object", where);
  const auto gold = JsonField<std::string>(object, "gold", where);
  const auto response = JsonField<std::string>(object, "response", where);
  MathGradeOptions options;
  if (object.contains("european_comma")) {
    options.european_comma = JsonField<bool>(object, "european_comma", where);
  }
  const MathGrade grade = GradeMath(gold, response, options);
  for (const char* key : {"gold", "response", "european_comma"}) object.erase(key);
  object["reward"] = grade.correct ? 1 : 0;
  object["extracted"] = grade.extracted;
  object["reason"] = grade.reason;
  return Dump(object);
}

GradedLines GradeLines(std::istream& in, std::string_view name, const LineGrader& grade,
                       std::ostream& out, std::ostream& errors) {
  GradedLines counts;
  std::string line;
  for (int64_t number = 1; std::getline(in, line); ++number) {
    if (IsBlank(line)) continue;
    ++counts.num_lines;
    const std::string where = std::string(name) + " line " + std::to_string(number);
    try {
      out << grade(line, where) << '\n';
    } catch (const Error& error) {
      ++counts.num_broken;
      std::string what = error.what();
      if (what.find(where) == std::string::npos) what = where + ": " + what;
      errors << "error: " << what << '\n';
      Json broken = IdentityOf(line);
      broken["reward"] = nullptr;
      broken["error"] = what;
      out << Dump(broken) << '\n';
    }
    // A program that waits for this answer before it asks again gets it.
    if (in.rdbuf()->in_avail() <= 0) out.flush();
  }
  out.flush();
  return counts;
}

}  // namespace agon::envs
