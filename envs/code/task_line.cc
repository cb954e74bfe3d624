#include "envs/code/task_line.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <utility>
#include <vector>

#include "core/error.h"
#include "envs/code/plain_value_json.h"

namespace agon::envs {
namespace {

using Texts = std::vector<std::string>;

std::string OptionalText(const Json& object, const char* key, const std::string& where) {
  return object.contains(key) ? JsonField<std::string>(object, key, where) : "";
}

const Json& ArrayOf(const Json& object, const char* key, const std::string& where) {
  const Json& array = object.at(key);
  if (!array.is_array()) {
    throw Error(ErrorKind::kCorrupt, std::string("field \"") + key + "\" is no array", where);
  }
  return array;
}

CallTest ReadCall(const Json& object, const std::string& where) {
  if (!object.is_object() || !object.contains("expected")) {
    throw Error(ErrorKind::kCorrupt, "a call without \"expected\"", where);
  }
  CallTest test;
  test.expected = PlainValueFromJson(object.at("expected"), where);
  if (object.contains("args")) {
    for (const Json& value : ArrayOf(object, "args", where)) {
      test.args.push_back(PlainValueFromJson(value, where));
    }
  }
  if (object.contains("kwargs")) {
    const Json& kwargs = object.at("kwargs");
    if (!kwargs.is_object()) throw Error(ErrorKind::kCorrupt, "kwargs is no object", where);
    for (const auto& [name, value] : kwargs.items()) {
      test.kwargs.emplace_back(name, PlainValueFromJson(value, where));
    }
  }
  return test;
}

void ReadLimits(const Json& object, const std::string& where, CodeLimits& limits) {
  const auto scaled = [&](const char* key, double scale, int64_t& field) {
    if (!object.contains(key)) return;
    const double value = JsonField<double>(object, key, where);
    if (!(value > 0 && value < 1e6)) {
      throw Error(ErrorKind::kCorrupt, std::string("field \"") + key + "\" must be above 0", where);
    }
    field = static_cast<int64_t>(std::ceil(value * scale));
  };
  scaled("time_limit_s", 1000, limits.time_ms);
  scaled("total_time_limit_s", 1000, limits.total_ms);
  scaled("memory_limit_mb", 1 << 20, limits.memory_bytes);
}

bool IsNameByte(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

}  // namespace

CodeTests ReadCodeTests(const Json& object, const std::string& where) {
  CodeTests tests;
  tests.entry_point = OptionalText(object, "entry_point", where);
  tests.setup = OptionalText(object, "setup", where);
  tests.reference = OptionalText(object, "reference", where);
  if (object.contains("tests")) tests.units = JsonField<Texts>(object, "tests", where);
  if (object.contains("check")) {
    tests.units.push_back(JsonField<std::string>(object, "check", where));
  }
  if (object.contains("calls")) {
    for (const Json& call : ArrayOf(object, "calls", where)) {
      tests.calls.push_back(ReadCall(call, where));
    }
  }
  if (object.contains("stdio")) {
    for (const Json& test : ArrayOf(object, "stdio", where)) {
      tests.stdio.push_back(
          {OptionalText(test, "input", where), JsonField<std::string>(test, "output", where)});
    }
  }
  if (object.contains("float_tolerance")) {
    tests.float_tolerance = JsonField<double>(object, "float_tolerance", where);
  }
  ReadLimits(object, where, tests.limits);
  return tests;
}

std::string FindEntryPoint(std::string_view tests, std::string_view code) {
  for (size_t open = tests.find('('); open != std::string_view::npos;
       open = tests.find('(', open + 1)) {
    size_t begin = open;
    while (begin > 0 && IsNameByte(tests[begin - 1])) --begin;
    const std::string name(tests.substr(begin, open - begin));
    if (!name.empty() && code.find("def " + name + "(") != std::string_view::npos) return name;
  }
  return "";
}

CodeFileTask ReadCodeFileTask(std::string_view line, const std::string& where) {
  const Json object = ParseJson(line, where);
  if (!object.is_object()) throw Error(ErrorKind::kCorrupt, "not a JSON object", where);
  CodeFileTask task;
  const char* const question = object.contains("prompt") ? "prompt" : "text";
  task.question = JsonField<std::string>(object, question, where);
  task.solution = JsonField<std::string>(object, "code", where);
  task.tests.units = JsonField<Texts>(object, "test_list", where);
  task.tests.setup = OptionalText(object, "test_setup_code", where);
  if (task.question.empty()) throw Error(ErrorKind::kCorrupt, "the question is empty", where);
  if (task.tests.units.empty()) throw Error(ErrorKind::kCorrupt, "there is no test", where);
  task.tests.entry_point = object.contains("entry_point")
                               ? JsonField<std::string>(object, "entry_point", where)
                               : FindEntryPoint(task.tests.units[0], task.solution);
  task.question += "\nIt must pass: " + task.tests.units[0];
  task.tests.stop_at_first_failure = true;
  task.tests.limits.time_ms = 10000;
  return task;
}

}  // namespace agon::envs
