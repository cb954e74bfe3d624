// rl-env: the environments from the command line.
#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "apps/command_line.h"
#include "core/error.h"
#include "envs/bench.h"
#include "envs/catalog.h"
#include "envs/env.h"
#include "envs/grade_lines.h"
#include "envs/scaffold.h"

namespace agon {
namespace {

struct Options {
  bool json = false, gold = false, unsafe = false;
  int num_grading_threads = 4;
  std::string spec, split = "test";
  std::vector<std::string> specs;
  uint64_t seed = 0, index = 0;
  envs::ConformanceOptions conformance;
  envs::BenchOptions bench;
  std::string language = "cpp", out, file;
};

void AddList(CLI::App& app, Options& options) {
  CLI::App* list = app.add_subcommand("list", "Show all environments");
  list->add_flag("--json", options.json, "Write JSON");
  list->callback(
      [&] { std::cout << (options.json ? envs::CatalogJson() : envs::RenderCatalog()); });
}

void AddInfo(CLI::App& app, Options& options) {
  CLI::App* info = app.add_subcommand("info", "Show one environment and examples of its tasks");
  info->add_option("ENV", options.spec, "Environment, e.g. math/shop")->required();
  info->add_flag("--json", options.json, "Write JSON");
  info->callback([&] {
    const auto env = envs::MakeEnv(options.spec);
    std::cout << (options.json ? envs::InfoJson(env->info()) : envs::DescribeEnv(*env));
  });
}

void AddPlay(CLI::App& app, Options& options) {
  CLI::App* play = app.add_subcommand("play", "Answer one task by hand and see the reward");
  play->add_option("ENV", options.spec, "Environment, e.g. \"math/shop(difficulty=2)\"")
      ->required();
  play->add_option("--split", options.split, "train, val or test")
      ->check(CLI::IsMember({"train", "val", "test"}))
      ->capture_default_str();
  play->add_option("--seed", options.seed, "Seed of the tasks")->capture_default_str();
  play->add_option("--index", options.index, "Number of the task")->capture_default_str();
  play->add_flag("--gold", options.gold, "Show the gold and a worked answer at the end");
  play->callback([&] {
    const auto env = envs::MakeEnv(options.spec);
    const auto split = options.split == "train" ? envs::Split::kTrain
                       : options.split == "val" ? envs::Split::kVal
                                                : envs::Split::kTest;
    const envs::Task task = env->Get(split, options.seed, options.index);
    envs::Play(*env, task, options.gold, std::cin, std::cout);
  });
}

void AddCheck(CLI::App& app, Options& options) {
  CLI::App* check = app.add_subcommand("check", "Hold environments to the contract (envs/env.h)");
  check->add_option("ENV", options.specs, "Environments; all if none is named");
  check->add_option("--tasks", options.conformance.num_tasks, "Tasks per split")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  check->add_flag("--json", options.json, "Write JSON");
  check->callback([&] {
    if (!envs::CheckEnvs(options.specs, options.conformance, options.json, std::cout)) {
      throw Error(ErrorKind::kFailed, "an environment breaks the contract");
    }
  });
}

void AddBench(CLI::App& app, Options& options) {
  CLI::App* bench = app.add_subcommand("bench", "Measure tasks, episodes and steps per second");
  bench->add_option("ENV", options.spec, "Environment, e.g. math/arithmetic")->required();
  bench->add_option("--threads", options.bench.num_threads, "Threads that step side by side")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  bench->add_option("--seconds", options.bench.seconds, "Of each measurement")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str();
  bench->add_flag("--json", options.json, "Write JSON");
  bench->callback([&] {
    const auto result = envs::BenchEnv(*envs::MakeEnv(options.spec), options.bench);
    std::cout << (options.json ? envs::BenchJson(options.spec, options.bench, result)
                               : envs::RenderBench(result));
  });
}

void AddNew(CLI::App& app, Options& options) {
  CLI::App* create = app.add_subcommand("new", "Write a small environment to start from");
  create->add_option("NAME", options.spec, "Its name, e.g. mine/clock")->required();
  create->add_option("--lang", options.language, "cpp or python")
      ->check(CLI::IsMember({"cpp", "python"}))
      ->capture_default_str();
  create->add_option("--out", options.out, "Folder (default: the last part of NAME)");
  create->callback([&] {
    if (options.out.empty()) options.out = options.spec.substr(options.spec.find('/') + 1);
    const auto language =
        options.language == "cpp" ? envs::ScaffoldLanguage::kCpp : envs::ScaffoldLanguage::kPython;
    const auto scaffold =
        envs::WriteScaffold(options.spec, language, options.out, envs::PackageDir());
    for (const auto& file : scaffold.files) std::cout << "wrote " << file.string() << "\n";
    std::cout << "next:\n";
    for (const std::string& step : scaffold.next_steps) std::cout << "  " << step << "\n";
  });
}

// Grades the lines of `file`, or of stdin if it is "".
void Grade(const std::string& file, const envs::LineGrader& grade, int num_threads = 1) {
  std::ifstream stream;
  if (!file.empty()) {
    stream.open(file);
    if (!stream) throw Error(ErrorKind::kNotFound, "no such file", file);
  }
  const std::string name = file.empty() ? "stdin" : file;
  const auto counts = envs::GradeLines(file.empty() ? std::cin : stream, name, grade, std::cout,
                                       std::cerr, num_threads);
  if (counts.num_broken > 0) {
    throw Error(ErrorKind::kFailed,
                std::to_string(counts.num_broken) + " of " + std::to_string(counts.num_lines) +
                    " lines could not be graded",
                name);
  }
}

void AddGrade(CLI::App& app, Options& options) {
  CLI::App* grade = app.add_subcommand("grade", "Grade responses: JSON lines in, JSON lines out");
  grade->require_subcommand(1);
  const auto add = [&](const char* name, const char* about, envs::LineGrader grader) {
    CLI::App* command = grade->add_subcommand(name, about);
    command->add_option("FILE", options.file, "JSON lines; stdin if none is named");
    command->callback([&options, grader] { Grade(options.file, grader); });
  };
  add("math", "{\"gold\", \"response\"} to {\"reward\", \"extracted\", \"reason\"}",
      envs::GradeMathLine);
  CLI::App* code = grade->add_subcommand(
      "code",
      "{\"response\", \"tests\"|\"check\"|\"calls\"|\"stdio\"} to {\"reward\", \"tests\", ...}");
  code->add_option("FILE", options.file, "JSON lines; stdin if none is named");
  code->add_option("--threads", options.num_grading_threads, "Lines graded at once")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  code->add_flag("--unsafe-run-model-code-unsandboxed", options.unsafe,
                 "Run programs as ordinary processes of yours: they can read, write and send "
                 "what you can");
  code->callback([&options] {
    std::string description;
    const auto grader = envs::MakeCodeLineGrader(options.unsafe, &description);
    std::cerr << "sandbox: " << description << "\n";
    Grade(options.file, grader, options.num_grading_threads);
  });
}

int Run(int argc, char** argv) {
  CLI::App app("Environments: list, inspect, play, check, measure, begin them and grade.");
  app.footer(
      "Examples:\n"
      "  rl-env list\n"
      "  rl-env info math/shop\n"
      "  rl-env play \"math/shop(difficulty=2,families=change)\" --gold\n"
      "  rl-env check\n"
      "  rl-env new mine/clock --lang python\n"
      "  rl-env check mine/clock --plugin clock/clock.py\n"
      "  rl-env grade math answers.jsonl > graded.jsonl\n"
      "  rl-env grade code programs.jsonl > graded.jsonl");
  app.require_subcommand(1);
  app.fallthrough();
  Options options;
  AddPlugins(app);
  AddList(app, options);
  AddInfo(app, options);
  AddPlay(app, options);
  AddCheck(app, options);
  AddBench(app, options);
  AddNew(app, options);
  AddGrade(app, options);
  return ParseFlags(app, argc, argv).value_or(0);
}

}  // namespace
}  // namespace agon

int main(int argc, char** argv) { return agon::RunMain(agon::Run, argc, argv); }
