#include "judge/runs/run_group.h"

#include <algorithm>
#include <iostream>
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
void ReadLastEvaluation(RecordedRun& run) {
  for (const char* stage : {"rl", "probe", "sft", "start"}) {
    const fs::path dir = run.dir / "eval" / stage;
    std::error_code unreadable;
    if (!fs::exists(dir / "results.json", unreadable)) continue;
    run.evaluated = stage;
    run.evaluation = ReadEval(dir);
    return;
  }
}

RecordedRun ReadRun(const fs::path& dir) {
  std::error_code unreadable;
  if (!fs::exists(dir / "recipe.toml", unreadable)) {
    throw Error(ErrorKind::kNotFound, "no recipe.toml: not a run's directory", dir.string(),
                "name what rl-train --out wrote");
  }
  RecordedRun run;
  run.dir = dir;
  run.recipe = ReadRecipe(dir / "recipe.toml");
  const std::string& seed = run.recipe["run.seed"];
  if (seed.empty() || seed.size() > 19 ||
      seed.find_first_not_of("0123456789") != std::string::npos) {
    throw Error(ErrorKind::kCorrupt, "no run.seed", (dir / "recipe.toml").string(),
                "take the recipe.toml that rl-train wrote");
  }
  run.seed = std::stoull(seed);
  run.log = ReadRunLog(dir / "log.jsonl", &std::cerr);
  ReadLastEvaluation(run);
  run.reward_models = ReadRewardQuality(dir / "reward_models.json");
  return run;
}

struct NamedDir {
  std::string name;  // of a group; "": the directory is one of its own
  fs::path dir;

  std::string LastPart() const {
    return (dir.filename().empty() ? dir.parent_path() : dir).filename().string();
  }
};

// Names of groups have no "/", so that ./a=b is a directory.
NamedDir Split(const std::string& text) {
  const size_t equals = text.find('=');
  const bool is_named = equals != std::string::npos && text.find('/') > equals && equals > 0;
  if (is_named) return {text.substr(0, equals), text.substr(equals + 1)};
  return {"", text};
}

std::vector<NamedDir> NameAll(std::span<const std::string> texts) {
  std::vector<NamedDir> named;
  std::map<std::string, int> uses;
  for (const std::string& text : texts) {
    named.push_back(Split(text));
    ++uses[named.back().name.empty() ? named.back().LastPart() : named.back().name];
  }
  for (NamedDir& one : named) {
    if (one.name.empty()) one.name = uses[one.LastPart()] > 1 ? one.dir.string() : one.LastPart();
  }
  return named;
}

void Add(const NamedDir& named, std::vector<RunGroup>& groups) {
  auto group = std::find_if(groups.begin(), groups.end(),
                            [&](const RunGroup& other) { return other.name == named.name; });
  if (group == groups.end()) group = groups.insert(group, {named.name, {}});
  RecordedRun run = ReadRun(named.dir);
  for (const RecordedRun& other : group->runs) {
    if (other.seed != run.seed) continue;
    throw Error(ErrorKind::kUsage,
                "two runs of " + named.name + " have seed " + std::to_string(run.seed) +
                    ": the same again is no evidence",
                named.dir.string(), "leave one out, or give it another name: NAME=DIRECTORY");
  }
  group->runs.push_back(std::move(run));
}

std::string ValueOf(const RecordedRun& run, const std::string& key) {
  const auto found = run.recipe.find(key);
  return found == run.recipe.end() ? "–" : found->second;
}

std::string ValuesOf(const RunGroup& group, const std::string& key) {
  std::string text;
  std::set<std::string> seen;
  for (const RecordedRun& run : group.runs) {
    const std::string value = ValueOf(run, key);
    if (!seen.insert(value).second) continue;
    text += (text.empty() ? "" : ", ") + value;
  }
  return text;
}

}  // namespace

std::vector<RunGroup> ReadRunGroups(std::span<const std::string> names_and_dirs) {
  std::vector<RunGroup> groups;
  std::set<fs::path> known;
  for (const NamedDir& named : NameAll(names_and_dirs)) {
    std::error_code unreadable;  // then it is named as it is
    if (!known.insert(fs::weakly_canonical(named.dir / "", unreadable)).second) {
      throw Error(ErrorKind::kUsage, "a run is named twice", named.dir.string(), "leave one out");
    }
    Add(named, groups);
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
    for (const RecordedRun& run : group.runs) {
      for (const auto& [key, value] : run.recipe) keys.insert(key);
    }
  }
  std::vector<RecipeDifference> differences;
  for (const std::string& key : keys) {
    if (kNotCompared.contains(key)) continue;
    RecipeDifference difference{key, {}};
    bool is_alike = true;
    for (const RunGroup& group : groups) {
      difference.values.push_back(ValuesOf(group, key));
      is_alike &= std::all_of(group.runs.begin(), group.runs.end(), [&](const RecordedRun& run) {
        return ValueOf(run, key) == ValueOf(groups[0].runs[0], key);
      });
    }
    if (!is_alike) differences.push_back(std::move(difference));
  }
  return differences;
}

}  // namespace agon::judge
