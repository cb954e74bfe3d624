// rl-data: from text to a tokenizer and token corpora; preferences of synthetic labelers.
#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <string>

#include "apps/command_line.h"
#include "core/error.h"
#include "datasets/data_command.h"
#include "envs/env.h"
#include "trainer/preferences_command.h"

namespace agon {
namespace {

using datasets::DataCommand;

CLI::App* AddCommand(CLI::App& app, const char* name, const char* what, DataCommand& command,
                     void (*run)(const DataCommand&, std::ostream&)) {
  CLI::App* sub = app.add_subcommand(name, what);
  sub->add_flag("--json", command.is_json, "Write JSON");
  sub->callback([&command, run] { run(command, std::cout); });
  return sub;
}

void AddSources(CLI::App* sub, DataCommand& command) {
  sub->add_option("--source", command.sources,
                  "NAME=KIND:PATH[,max=8M][,field=text], repeatable; KIND is text, jsonl, html, "
                  "wordnet or generated (default: the text of this machine)");
}

void AddVocab(CLI::App* sub, DataCommand& command) {
  sub->add_option("--vocab", command.recipe.vocab_size, "Tokens of the vocabulary")
      ->capture_default_str();
}

void AddBuild(CLI::App& app, DataCommand& command) {
  CLI::App* build = AddCommand(app, "build", "Read sources; write tokenizer, train/ and val/",
                               command, datasets::RunBuild);
  AddSources(build, command);
  AddVocab(build, command);
  build->add_option("--out", command.path, "Folder")->required();
  build->add_option("--val", command.recipe.val_fraction, "Share of documents held out")
      ->check(CLI::Range(0.0, 0.5))
      ->capture_default_str();
}

void AddSteps(CLI::App& app, DataCommand& command) {
  CLI::App* ingest = AddCommand(app, "ingest", "Read sources; show what is kept and dropped",
                                command, datasets::RunIngest);
  AddSources(ingest, command);
  ingest->add_option("--out", command.path, "Write the documents as JSONL");
  CLI::App* tokenizer = AddCommand(app, "tokenizer", "Read sources; train a tokenizer", command,
                                   datasets::RunTokenizer);
  AddSources(tokenizer, command);
  AddVocab(tokenizer, command);
  tokenizer->add_option("--out", command.path, "File, e.g. tokenizer.json")->required();
  CLI::App* corpus = AddCommand(app, "corpus", "Read sources; write one corpus with a tokenizer",
                                command, datasets::RunCorpus);
  AddSources(corpus, command);
  corpus->add_option("--tokenizer", command.tokenizer, "tokenizer.json")->required();
  corpus->add_option("--out", command.path, "Folder")->required();
}

void AddInfo(CLI::App& app, DataCommand& command) {
  CLI::App* info = AddCommand(app, "info", "Show the size of a corpus", command, datasets::RunInfo);
  info->add_option("DIR", command.path, "Folder of rl-data build or corpus")->required();
  info->add_option("--samples", command.num_samples, "Show so many documents")
      ->check(CLI::Range(0, 1000));
  info->add_option("--tokenizer", command.tokenizer, "tokenizer.json, if not beside the corpus");
}

void AddPreferences(CLI::App& app, trainer::PreferencesCommand& command) {
  CLI::App* sub = app.add_subcommand(
      "preferences", "Let synthetic labelers rank completions of an environment's tasks");
  trainer::LabelingConfig& labeling = command.labeling;
  sub->add_option("--env", labeling.env, "Environment of one reply, which says what it is worth")
      ->capture_default_str();
  sub->add_option("--model", command.model,
                  "Model directory whose completions are ranked (default: demonstrations)");
  AddDevice(*sub, command.device);
  sub->add_option("--split", labeling.split, "Whose tasks: train, val or test")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, envs::Split>{{"train", envs::Split::kTrain},
                                             {"val", envs::Split::kVal},
                                             {"test", envs::Split::kTest}}));
  sub->add_option("--tasks", labeling.num_tasks, "Tasks to label")->capture_default_str();
  sub->add_option("--first-task", labeling.first_task, "Index of the first")->capture_default_str();
  sub->add_option("--completions", labeling.num_completions, "That one preference ranks: 2 to 32")
      ->capture_default_str();
  sub->add_option("--max-new-tokens", labeling.max_new_tokens, "Longest completion of a model")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  sub->add_option("--labelers", labeling.labelers.num_labelers, "Each task is given to one of them")
      ->capture_default_str();
  sub->add_option("--disagreement", labeling.labelers.disagreement,
                  "Deviation of the log-weights that labelers give to parts of the reward")
      ->capture_default_str();
  sub->add_option("--noise", labeling.labelers.label_noise, "Share of pairs that come out wrong")
      ->capture_default_str();
  sub->add_option("--seed", labeling.labelers.seed, "Of tasks, completions and labelers")
      ->capture_default_str();
  sub->add_option("--out", command.path, "File of JSON lines (docs/formats/preferences.md)")
      ->required();
  sub->add_flag("--json", command.is_json, "Write JSON");
  sub->callback([&command] { trainer::RunPreferences(command, std::cout); });
}

int Run(int argc, char** argv) {
  CLI::App app("Text to tokens: build a corpus, or its steps one by one.");
  app.footer(
      "Examples:\n"
      "  rl-data build --out data\n"
      "  rl-data build --out data --source books=text:/srv/books --source math=generated:math\n"
      "  rl-data ingest --source \"manual=html:/usr/share/doc/python3/html/**/*.html\"\n"
      "  rl-data info data --samples 3\n"
      "  rl-data preferences --out pairs.jsonl --tasks 2000 --labelers 5 --disagreement 0.5\n"
      "  rl-data preferences --model runs/reply/checkpoints/sft-000400 --completions 5 --out "
      "r.jsonl");
  app.require_subcommand(1);
  app.fallthrough();
  AddPlugins(app);
  DataCommand command;
  AddBuild(app, command);
  AddSteps(app, command);
  AddInfo(app, command);
  trainer::PreferencesCommand preferences;
  AddPreferences(app, preferences);
  return ParseFlags(app, argc, argv).value_or(0);
}

}  // namespace
}  // namespace agon

int main(int argc, char** argv) { return agon::RunMain(agon::Run, argc, argv); }
