// rl-data: from text to a tokenizer and token corpora.
#include <CLI/CLI.hpp>
#include <iostream>

#include "core/error.h"
#include "datasets/data_command.h"

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

int Run(int argc, char** argv) {
  CLI::App app("Text to tokens: build a corpus, or its steps one by one.");
  app.footer(
      "Examples:\n"
      "  rl-data build --out data\n"
      "  rl-data build --out data --source books=text:/srv/books --source math=generated:math\n"
      "  rl-data ingest --source \"manual=html:/usr/share/doc/python3/html/**/*.html\"\n"
      "  rl-data info data --samples 3");
  app.require_subcommand(1);
  DataCommand command;
  AddBuild(app, command);
  AddSteps(app, command);
  AddInfo(app, command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return 0;
}

}  // namespace
}  // namespace agon

int main(int argc, char** argv) { return agon::RunMain(agon::Run, argc, argv); }
