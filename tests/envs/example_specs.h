// What the suites over all environments run on.
#pragma once

#include <algorithm>
#include <cctype>
#include <map>
#include <string>
#include <vector>

#include "core/error.h"
#include "envs/code/shared_sandbox.h"
#include "envs/env.h"
#include "tests/paths.h"

namespace agon::envs {

// An environment that can't do without parameters: id and parameters, files from tests/data.
inline const std::map<std::string, std::string>& RequiredParameters() {
  static const std::map<std::string, std::string> parameters = {
      {"math/jsonl-v1", "(file=" + kSourceDir + "/tests/data/word_problems.jsonl)"},
      {"code/jsonl-v1", "(file=" + kSourceDir + "/tests/data/functions.jsonl)"},
      {"text/questions-v1", "(file=" + kSourceDir + "/tests/data/facts.jsonl)"},
  };
  return parameters;
}

// Whether the suites leave it out: the environments of other tests ("zz_test/..."), and those
// of a server, which are tested against one of their own (openenv_test.cc).
inline bool IsLeftOut(const std::string& id) {
  return id.starts_with("zz_test/") || id.starts_with("openenv/");
}

// Whether an environment runs programs in boxes: it needs a machine that has them, and
// milliseconds for a step.
inline bool RunsPrograms(const std::string& spec) {
  return spec.starts_with("code/") || spec.starts_with("tool/python");
}

// Why the environment can't run on this machine; "" if it can.
inline std::string WhyNotHere(const std::string& spec) {
  if (!RunsPrograms(spec)) return "";
  try {
    SharedSandbox();
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

// A spec that has tasks for each registered environment that isn't left out.
inline std::vector<std::string> ExampleSpecs() {
  std::vector<std::string> specs;
  for (const std::string& id : ListEnvs()) {
    if (IsLeftOut(id)) continue;
    const auto required = RequiredParameters().find(id);
    specs.push_back(required == RequiredParameters().end() ? id : id + required->second);
  }
  return specs;
}

// The test's name: the id in letters, digits and underscores.
inline std::string SpecTestName(const std::string& spec) {
  std::string name = spec.substr(0, spec.find('('));
  const auto is_other = [](unsigned char c) { return !std::isalnum(c); };
  std::replace_if(name.begin(), name.end(), is_other, '_');
  return name;
}

}  // namespace agon::envs
