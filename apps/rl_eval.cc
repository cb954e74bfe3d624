// rl-eval: how good a model is, with error bars, and whether it beats another.
#include <CLI/CLI.hpp>
#include <iostream>

#include "apps/command_line.h"
#include "core/error.h"
#include "judge/eval_command.h"
#include "judge/runs_command.h"

namespace agon {
namespace {

void AddOptions(CLI::App& app, judge::EvalCommand& command) {
  app.footer(
      "Examples:\n"
      "  rl-eval --model runs/quickstart/checkpoints/rl-000100 --suite math/shop --out eval\n"
      "  rl-eval --model runs/b --compare runs/a --suite jagged --out b-vs-a\n"
      "  rl-eval --model runs/b --suite my_suite.toml --tasks 1000 --out b\n"
      "  rl-eval --model runs/b --suite \"math/shop(difficulty=3)\" --temperature 0 --out e "
      "--json\n"
      "  rl-eval runs kl=runs/kl1 kl=runs/kl2 none=runs/none1 none=runs/none2 --out kl-or-not\n"
      "\n--out gets report.html, report.md, results.json and samples.jsonl. What was evaluated\n"
      "before comes from the cache, also after an interruption. docs/formats/suite.md explains\n"
      "suites.");
  app.add_option("--model", command.model, "Model directory (required)");
  app.add_option("--suite", command.suite,
                 "core, jagged, an environment (math/shop) or a TOML file (required)");
  app.add_option("--compare", command.baselines,
                 "Model directory to compare with; repeated, the first is the baseline")
      ->allow_extra_args(false);
  app.add_option("--tasks", command.num_tasks, "Tasks per benchmark, at most (its own)")
      ->check(CLI::Range(1, 10000000));
  app.add_option("--samples", command.samples_per_task, "Samples per task (the benchmark's own)")
      ->check(CLI::Range(1, 65536));
  app.add_option("--temperature", command.temperature,
                 "0 is greedy, one sample per task (the benchmark's own)");
  app.add_option("--max-tokens", command.max_new_tokens,
                 "Longest response in tokens (the benchmark's own)")
      ->check(CLI::Range(1, 1000000));
  app.add_option("--seed", command.seed, "Of tasks and sampling (the benchmark's own)");
  app.add_option("--opponent", command.opponent, "Model directory that plays the other seats");
  AddDevice(app, command.device);
  app.add_option("--rows", command.options.max_rows,
                 "Answers decoded at once (512); scores don't depend on it")
      ->check(CLI::Range(1, 65536));
  app.add_option("--cache", command.options.cache, "Folder of earlier results")
      ->capture_default_str();
  app.add_flag_callback(
      "--no-cache", [&command] { command.options.cache.clear(); }, "Compute everything again");
  app.add_option("--out", command.out, "Folder for the report (required)");
  AddPlugins(app);
  app.add_flag("--json", command.json, "Write results.json to stdout, too");
}

CLI::App* AddRuns(CLI::App& app, judge::RunsCommand& command) {
  CLI::App* runs = app.add_subcommand("runs",
                                      "Training runs side by side: what differs, what came "
                                      "out, curves over one another");
  runs->add_option(
          "RUN", command.runs,
          "Directory of rl-train, or NAME=DIRECTORY: runs of one name are repetitions with "
          "other seeds; the first name is what the others are measured against")
      ->required();
  runs->add_option("--out", command.out, "Folder for the report")->required();
  runs->add_flag("--json", command.json, "Write runs.json to stdout instead of a table");
  return runs;
}

// Not required by CLI11, for which a subcommand's flags come beside the command's own.
void RequireFlags(const judge::EvalCommand& command) {
  if (command.model.empty()) throw CLI::RequiredError("--model");
  if (command.suite.empty()) throw CLI::RequiredError("--suite");
  if (command.out.empty()) throw CLI::RequiredError("--out");
}

int Run(int argc, char** argv) {
  CLI::App app("Evaluate a model on held-out tasks.");
  judge::EvalCommand command;
  command.options.cache = judge::DefaultEvalCache();
  AddOptions(app, command);
  judge::RunsCommand runs_command;
  const CLI::App* runs = AddRuns(app, runs_command);
  app.callback([&] {
    if (!runs->parsed()) RequireFlags(command);
  });
  if (const auto status = ParseFlags(app, argc, argv)) return *status;
  if (runs->parsed()) {
    judge::RunRunsCommand(runs_command, std::cout);
    return 0;
  }
  judge::RunEvalCommand(command, std::cout);
  return 0;
}

}  // namespace
}  // namespace agon

int main(int argc, char** argv) { return agon::RunMain(agon::Run, argc, argv); }
