// Suites from the command line or from a file.
#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "core/json.h"
#include "judge/eval.h"

namespace agon::judge {
namespace {

envs::Split ParseSplit(const std::string& name, const std::string& where) {
  for (const auto split : {envs::Split::kTrain, envs::Split::kVal, envs::Split::kTest}) {
    if (name == envs::SplitName(split)) return split;
  }
  throw Error(ErrorKind::kUsage, "unknown split \"" + name + "\"", where,
              "choose train, val or test");
}

template <typename T>
void ReadOptional(const Json& object, const char* key, const std::string& where, T& value) {
  if (object.contains(key)) value = JsonField<T>(object, key, where);
}

void RefuseUnknownKeys(const Json& object, const std::string& where) {
  static const std::vector<std::string> kKeys = {
      "env",  "split",   "num_tasks", "samples_per_task", "temperature", "max_new_tokens",
      "seed", "pass_at", "opponent"};
  for (const auto& [key, value] : object.items()) {
    if (std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end()) continue;
    std::string known;
    for (const std::string& name : kKeys) known += (known.empty() ? "" : ", ") + name;
    throw Error(ErrorKind::kUsage, "unknown key \"" + key + "\"", where, "known keys: " + known);
  }
}

SuiteSpec ParseSuite(const Json& object, const std::string& where) {
  SuiteSpec suite;
  suite.env = JsonField<std::string>(object, "env", where);
  RefuseUnknownKeys(object, where);
  std::string split = envs::SplitName(suite.split);
  ReadOptional(object, "split", where, split);
  suite.split = ParseSplit(split, where);
  ReadOptional(object, "num_tasks", where, suite.num_tasks);
  ReadOptional(object, "samples_per_task", where, suite.samples_per_task);
  ReadOptional(object, "temperature", where, suite.temperature);
  ReadOptional(object, "max_new_tokens", where, suite.max_new_tokens);
  ReadOptional(object, "seed", where, suite.seed);
  ReadOptional(object, "pass_at", where, suite.pass_at);
  ReadOptional(object, "opponent", where, suite.opponent);
  return suite;
}

}  // namespace

std::vector<SuiteSpec> LoadSuites(const std::string& name_or_file) {
  if (!name_or_file.ends_with(".json") && !std::filesystem::is_regular_file(name_or_file)) {
    SuiteSpec suite;
    suite.env = envs::MakeEnv(name_or_file)->info().id;
    if (const size_t params = name_or_file.find('('); params != std::string::npos) {
      suite.env += name_or_file.substr(params);
    }
    return {suite};
  }
  const Json file = ReadJson(name_or_file);
  if (!file.is_object() || !file.contains("suites") || !file.at("suites").is_array() ||
      file.at("suites").empty()) {
    throw Error(ErrorKind::kCorrupt, "no list of suites", name_or_file,
                R"(write {"suites": [{"env": "math/shop", "num_tasks": 500}]})");
  }
  std::vector<SuiteSpec> suites;
  for (const Json& object : file.at("suites")) {
    const std::string where = name_or_file + " suite " + std::to_string(suites.size() + 1);
    suites.push_back(ParseSuite(object, where));
  }
  return suites;
}

}  // namespace agon::judge
