// rl-train: a recipe's stages from raw text to an evaluated model.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "apps/arena_entry.h"
#include "apps/command_line.h"
#include "core/error.h"
#include "core/progress.h"
#include "policy/communicator.h"
#include "trainer/recipe.h"
#include "trainer/run.h"
#include "trainer/signature.h"

namespace agon {
namespace {

constexpr char kExamples[] =
    "Examples:\n"
    "  rl-train quickstart\n"
    "  rl-train quickstart --device cuda\n"
    "  rl-train my.toml --out runs/mine --set rl.group_size=8 --set run.seed=2\n"
    "  rl-train my.toml --out runs/mine --set rl.group_size=8 --set run.seed=2 --resume\n"
    "  rl-train quickstart --arena arena.db --gate sft\n"
    "Keys of a recipe: docs/config.md. Exit status: 0 done, 1 failed, 2 bad usage,\n"
    "130 interrupted (everything is saved; go on with --resume).";

struct Options {
  std::string recipe;
  std::vector<std::string> overrides, plugins;
  trainer::RunOptions run;
  ArenaEntry arena;
  bool dry_run = false, quiet = false, bench = false;
};

void AddOptions(CLI::App& app, Options& options) {
  app.add_option("RECIPE", options.recipe, "TOML file, or quickstart");
  app.add_option("--out", options.run.out, "Run directory (default: runs/RECIPE)");
  app.add_flag("--resume", options.run.resume, "Go on at the last checkpoint of --out");
  app.add_option("--set", options.overrides, "Override a key of the recipe: group.key=value")
      ->take_all()
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option_function<std::string>(
      "--device",
      [&options](const std::string& device) {
        options.overrides.push_back("run.device=" + device);
      },
      "cpu, cuda, cuda:N or auto: --set run.device=...");
  AddPlugins(app, &options.plugins);
  AddArenaEntry(app, options.arena);
  app.add_flag("--dry-run", options.dry_run, "Check the recipe and print it as resolved");
  app.add_flag("--quiet", options.quiet, "No progress bars");
  app.add_flag("--verbose", options.run.verbose, "A line per step, and the memory of each stage");
  app.add_flag("--json", options.run.json, "Write the summary as JSON");
  app.add_flag("--bench", options.bench, "Print the training signature (some seconds) and exit");
}

std::string ShellQuoted(const std::string& text) {
  constexpr char kPlain[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,@%+";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string ResumeCommand(const Options& options) {
  std::string command =
      "rl-train " + ShellQuoted(options.recipe) + " --out " + ShellQuoted(options.run.out.string());
  for (const std::string& plugin : options.plugins) command += " --plugin " + ShellQuoted(plugin);
  for (const std::string& assignment : options.overrides) {
    command += " --set " + ShellQuoted(assignment);
  }
  for (const std::string& flag : ArenaEntryFlags(options.arena)) command += " " + ShellQuoted(flag);
  return command + " --resume";
}

// The run is finished and on disk, and so is each contest when it ends: a signal may kill.
void Compete(const Options& options, const trainer::Recipe& recipe) {
  for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, SIG_DFL);
  std::ostream& out = options.run.json ? std::cerr : std::cout;
  if (!options.arena.db.empty()) EnterRun(options.arena, recipe, options.run.out, out);
  if (!options.arena.incumbent.empty()) RunGateOfRun(options.arena, recipe, options.run.out, out);
}

void Execute(Options& options) {
  if (options.quiet || options.bench) SetProgressEnabled(false);
  if (options.bench) {
    std::printf("Bench: %016llx\n", static_cast<unsigned long long>(trainer::TrainingSignature()));
    return;
  }
  if (options.recipe.empty()) {
    throw Error(ErrorKind::kUsage, "no recipe", "RECIPE", "try rl-train quickstart");
  }
  trainer::Recipe recipe = trainer::LoadRecipe(options.recipe, options.overrides);
  KeepModelsToEnter(options.arena, recipe);
  if (options.dry_run) {
    std::cout << trainer::RecipeToml(recipe);
    return;
  }
  if (options.run.out.empty()) {
    options.run.out = std::filesystem::path("runs") / std::filesystem::path(options.recipe).stem();
  }
  options.run.resume_command = ResumeCommand(options);
  const bool leads = options.run.ranks->is_leader();
  if (leads) CheckArenaEntry(options.arena, recipe, options.run.out);
  trainer::StopOnSignals(leads);
  trainer::RunRecipe(recipe, options.run, std::cout);
  if (leads) Compete(options, recipe);
}

// The job that this process belongs to.
std::unique_ptr<policy::Communicator> job;

// Says which rank an error belongs to.
void ExecuteInJob(Options& options) {
  job = policy::JoinJob();
  options.run.ranks = job.get();
  try {
    Execute(options);
  } catch (const Error& error) {
    if (job->size() == 1) throw;
    throw Error(error.kind(), "rank " + std::to_string(job->rank()) + ": " + error.what());
  }
}

int Run(int argc, char** argv) {
  CLI::App app("Train a model by a recipe: text, tokenizer, pretraining, SFT, RL, evaluation.");
  app.footer(kExamples);
  Options options;
  AddOptions(app, options);
  if (const auto status = ParseFlags(app, argc, argv)) return *status;
  ExecuteInJob(options);
  return 0;
}

}  // namespace
}  // namespace agon

int main(int argc, char** argv) {
  const int status = agon::RunMain(agon::Run, argc, argv);
  if (agon::job) agon::job->Leave(status);
  return status;
}
