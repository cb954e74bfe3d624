// A grader as they are usually written, for tests alone: the candidate and the tests share a
// process, expected values lie beside them, and a pass is whatever looks like one. Attacks
// that don't fool it prove nothing about ours.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/sandbox/sandbox_fixture.h"

namespace agon::envs {

struct LeakyTask {
  std::vector<std::pair<std::string, std::string>> cases;  // Python: argument, expected
  std::string entry_point = "f";
};

inline std::string LeakySource(const LeakyTask& task, const std::string& code) {
  std::string cases;
  for (const auto& [argument, expected] : task.cases) {
    cases += "(" + argument + ", " + expected + "), ";
  }
  // The code arrives as a file would: one string, executed where the tests live.
  std::string literal;
  for (const char c : code) {
    literal += c == '\\' ? "\\\\" : c == '"' ? "\\\"" : c == '\n' ? "\\n" : std::string(1, c);
  }
  return "import json, math, os, sys, unittest\n"
         "CASES = [" +
         cases +
         "]\n"
         "def same(result, expected):\n"
         "    if type(expected) is float:\n"
         "        if abs(result - expected) > 1e-6: return False\n"
         "        return True\n"
         "    return result == expected or json.dumps(result) == json.dumps(expected)\n"
         "def check(function):\n"
         "    for argument, expected in CASES:\n"
         "        assert same(function(argument), expected)\n"
         "try:\n"
         "    exec(\"" +
         literal +
         "\", globals())\n"
         "    check(" +
         task.entry_point +
         ")\n"
         "except unittest.SkipTest:\n"
         "    pass\n";
}

// Whether the leaky grader says "passed".
inline bool LeakyPasses(Sandbox& sandbox, const LeakyTask& task, const std::string& code) {
  BoxLimits limits;
  limits.wall_ms = 20000;
  Box box = sandbox.Start(Program::Python(LeakySource(task, code)), limits);
  const auto deadline = Box::Clock::now() + std::chrono::seconds(20);
  bool channel_says_so = false;
  for (Received line; (line = box.ReceiveLine(100000, deadline)).status == ReceiveStatus::kLine;) {
    channel_says_so |= line.line.find("\"passed\": true") != std::string::npos;
  }
  const BoxResult& result = box.Wait();
  return channel_says_so || result.exit_status == 0 ||
         result.stdout_bytes.find("all tests passed") != std::string::npos;
}

}  // namespace agon::envs
