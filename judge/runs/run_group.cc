#include "judge/runs/run_group.h"

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "core/file.h"
#include "core/toml.h"

namespace agon::judge {
namespace {

namespace fs = std::filesystem;

// Keys that decide no result, or are meant to differ.
const std::set<std::string> kNotCompared = {"run.seed",       "run.threads",   "run.device",
                                            "run.save_every", "rl.keep_every", "run.plugins"};

std::map<std::string, std::string> ReadRecipe(const fs::path& file) {
  std::map<std::string, std::string> values;
  const Json recipe = ParseToml(ReadFile(file), file.string());
  for (const auto& [group, keys] : recipe.items()) {
    if (!keys.is_object()) continue;
    for (const auto& [key, value] : keys.items()) {
      values[group + "." + key] = value.is_string() ? value.get<std::string>() : value.dump();
    }
  }
  return values;
}

// RL goes after the probe, that after SFT, all after what they began with.
std::optional<EvalResult> LastEvaluation(const fs::path& run) {
  for (const char* stage : {"rl", "probe", "sft", "start"}) {
    const fs::path dir = run / "eval" / stage;
    std::error_code unreadable;
    if (fs::exists(dir / "results.json", unreadable)) return ReadEval(dir);
  }
  return std::nullopt;
}

FinishedRun ReadRun(const fs::path& dir) {
  std::error_code unreadable;
  if (!fs::exists(dir / "recipe.toml", unreadable)) {
    throw Error(ErrorKind::kNotFound, "no recipe.toml: not a run's directory", dir.string(),
                "name what rl-train --out wrote");
  }
  FinishedRun run;
  run.dir = dir;
  run.recipe = ReadRecipe(dir / "recipe.toml");
  const std::string& seed = run.recipe["run.seed"];
  if (seed.empty() || seed.size() > 19 ||
      seed.find_first_not_of("0123456789") != std::string::npos) {
    throw Error(ErrorKind::kCorrupt, "no run.seed", (dir / "recipe.toml").string());
  }
  run.seed = std::stoull(seed);
  run.log = ReadRunLog(dir / "log.jsonl");
  run.evaluation = LastEvaluation(dir);
  run.reward_models = ReadRewardQuality(dir / "reward_models.json");
  return run;
}

// Folders' names have no "=" as a rule, and names of groups no "/".
std::pair<std::string, fs::path> Split(const std::string& text) {
  const size_t equals = text.find('=');
  const bool is_named = equals != std::string::npos && text.find('/') > equals && equals > 0;
  if (is_named) return {text.substr(0, equals), text.substr(equals + 1)};
  const fs::path dir = text;
  return {(dir.filename().empty() ? dir.parent_path() : dir).filename().string(), dir};
}

std::string ValuesOf(const RunGroup& group, const std::string& key) {
  std::string text;
  std::set<std::string> seen;
  for (const FinishedRun& run : group.runs) {
    const auto found = run.recipe.find(key);
    const std::string value = found == run.recipe.end() ? "–" : found->second;
    if (!seen.insert(value).second) continue;
    text += (text.empty() ? "" : ", ") + value;
  }
  return text;
}

}  // namespace

std::vector<RunGroup> ReadRunGroups(std::span<const std::string> names_and_dirs) {
  std::vector<RunGroup> groups;
  std::set<fs::path> known;
  for (const std::string& text : names_and_dirs) {
    const auto [name, dir] = Split(text);
    if (!known.insert((fs::absolute(dir) / "").lexically_normal()).second) {
      throw Error(ErrorKind::kUsage, "a run is named twice", dir.string(), "leave one out");
    }
    auto group = std::find_if(groups.begin(), groups.end(),
                              [&](const RunGroup& other) { return other.name == name; });
    if (group == groups.end()) group = groups.insert(group, {name, {}});
    group->runs.push_back(ReadRun(dir));
  }
  if (groups.size() > kMaxRunGroups) {
    throw Error(ErrorKind::kUsage, std::to_string(groups.size()) + " kinds of runs in one report",
                groups.back().name,
                "at most " + std::to_string(kMaxRunGroups) +
                    "; runs that repeat each other share a name: NAME=DIRECTORY");
  }
  return groups;
}

std::vector<RecipeDifference> DifferencesOf(std::span<const RunGroup> groups) {
  std::set<std::string> keys;
  for (const RunGroup& group : groups) {
    for (const FinishedRun& run : group.runs) {
      for (const auto& [key, value] : run.recipe) keys.insert(key);
    }
  }
  std::vector<RecipeDifference> differences;
  for (const std::string& key : keys) {
    if (kNotCompared.contains(key)) continue;
    RecipeDifference difference{key, {}};
    for (const RunGroup& group : groups) difference.values.push_back(ValuesOf(group, key));
    const auto& values = difference.values;
    const bool is_alike = std::all_of(values.begin(), values.end(),
                                      [&](const auto& value) { return value == values[0]; });
    if (!is_alike) differences.push_back(std::move(difference));
  }
  return differences;
}

}  // namespace agon::judge
