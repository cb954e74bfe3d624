// Suites: built in, from a file, or one environment.
#include <algorithm>
#include <array>
#include <filesystem>

#include "core/config.h"
#include "core/error.h"
#include "core/file.h"
#include "core/toml.h"
#include "judge/eval.h"
#include "judge/eval/suites.h"

namespace agon::judge {
namespace {

constexpr int kCoreTasks = 100;

const std::array<std::string, 4> kKinds = {"environment", "generation", "choice", "text"};

// The keys of one benchmark. The group is its name.
void Bind(const std::string& group, BenchmarkSpec& spec, ConfigTable& table) {
  const auto key = [&](const char* name) { return group + "." + name; };
  table.AddChoice(key("kind"), &spec.kind, {kKinds.begin(), kKinds.end()},
                  "how tasks are made and scored");
  table.Add(key("env"), &spec.env, "environment, with parameters if wanted; kind environment");
  table.AddChoice(key("split"), &spec.split, {"train", "val", "test"}, "tasks of the environment");
  table.Add(key("opponent"), &spec.opponent, "model directory that plays a game's other seats");
  table.Add(key("file"), &spec.file, "tasks as JSON lines, beside the suite; the other kinds");
  table.Add(key("prompt"), &spec.prompt,
            "template over a line's fields, as in \"Q: {question}\"; empty: the kind's own");
  table.AddChoice(key("prompting"), &spec.prompting, {"chat", "plain"},
                  "turns of a chat, or text that is gone on with");
  table.Add(key("num_few_shot"), &spec.num_few_shot, 0, 100, "examples",
            "solved tasks before each task, drawn by the seed, never the task itself");
  table.Add(key("few_shot_file"), &spec.few_shot_file, "where they come from; empty: file");
  table.Add(
      key("extractors"), &spec.extractors,
      "ways to find the answer, or judge:NAME, each with a score of its own; the first decides");
  table.Add(key("until"), &spec.until, "texts that end a plain answer, besides a blank line");
  table.Add(key("letters"), &spec.letters, "kind choice: scores the letters A, B, ...");
  table.Add(key("context_tokens"), &spec.context_tokens, 1, 1 << 20, "tokens",
            "kind text: least context of each window after the first");
  table.Add(key("prefill"), &spec.prefill, "how every answer begins");
  table.Add(key("num_tasks"), &spec.num_tasks, 1, 10000000, "tasks", "at most");
  table.Add(key("samples_per_task"), &spec.samples_per_task, 1, 65536, "samples",
            "answers to each task");
  table.Add(key("temperature"), &spec.temperature, 0, 100, "", "0: greedy, one sample per task");
  table.Add(key("max_new_tokens"), &spec.max_new_tokens, 1, 1000000, "tokens",
            "longest answer, or turn");
  table.Add(key("seed"), &spec.seed, "", "of tasks, examples and sampling");
}

std::vector<BenchmarkSpec> ParseSuite(std::string_view text, const std::string& where,
                                      const std::filesystem::path& folder) {
  const Json root = ParseToml(text, where);
  if (root.empty()) {
    throw Error(ErrorKind::kUsage, "no benchmark", where,
                "write [name] and below it env = \"math/shop\"");
  }
  std::vector<BenchmarkSpec> suite(root.size());
  ConfigTable table;
  size_t i = 0;
  for (const auto& [name, keys] : root.items()) {
    if (!keys.is_object()) {
      throw Error(ErrorKind::kUsage, "\"" + name + "\" stands outside of any benchmark", where,
                  "begin with the benchmark's name: [" + name + "]");
    }
    suite[i].name = name;
    Bind(name, suite[i++], table);
  }
  table.ReadToml(text, where);
  for (BenchmarkSpec& spec : suite) {
    for (std::string* file : {&spec.file, &spec.few_shot_file}) {
      if (!file->empty()) *file = (folder / *file).string();
    }
    for (std::string& name : spec.extractors) {
      constexpr std::string_view kRubric = "judge:rubric:";
      if (name.starts_with(kRubric)) {
        name = std::string(kRubric) + (folder / name.substr(kRubric.size())).string();
      }
    }
  }
  return suite;
}

// Every environment that has tasks without being given a file, a server or an opponent.
std::vector<BenchmarkSpec> CoreSuite() {
  std::vector<BenchmarkSpec> suite;
  for (const std::string& id : envs::ListEnvs()) {
    const auto env = envs::MakeEnv(id);
    if (!env->info().needs.empty() || env->info().num_seats > 1) continue;
    BenchmarkSpec spec;
    spec.name = spec.env = id;
    spec.num_tasks = kCoreTasks;
    suite.push_back(std::move(spec));
  }
  return suite;
}

}  // namespace

std::span<const std::string> BenchmarkKindNames() { return kKinds; }

std::vector<BenchmarkSpec> LoadSuite(const std::string& name_or_file) {
  if (name_or_file == "core") return CoreSuite();
  if (name_or_file == "jagged") return ParseSuite(JaggedToml(), "suite jagged", "");
  if (name_or_file.ends_with(".json")) {
    throw Error(ErrorKind::kUsage, "suites are TOML files", name_or_file,
                "write each benchmark as [name] with its keys below (docs/formats/suite.md)");
  }
  const std::filesystem::path file(name_or_file);
  if (name_or_file.ends_with(".toml") || std::filesystem::is_regular_file(file)) {
    return ParseSuite(ReadFile(file, size_t{1} << 20), name_or_file, file.parent_path());
  }
  BenchmarkSpec spec;
  spec.env = envs::MakeEnv(name_or_file)->info().id;
  if (const size_t params = name_or_file.find('('); params != std::string::npos) {
    spec.env += name_or_file.substr(params);
  }
  spec.name = spec.env;
  return {spec};
}

std::string SuiteKeysMarkdown() {
  BenchmarkSpec spec;
  ConfigTable table;
  Bind("name", spec, table);
  return table.ToMarkdown();
}

}  // namespace agon::judge
