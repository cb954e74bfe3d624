// A run: a recipe's stages in order, in one directory (docs/formats/run.md).
//
//   corpus + tokenizer -> pretrain -> sft -> evaluation -> rl -> evaluation -> report
//
// A run that is killed at any moment and resumed writes the same weights and the same
// log.jsonl as one that wasn't.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>

#include "policy/communicator.h"
#include "trainer/recipe.h"

namespace agon::trainer {

struct RunOptions {
  std::filesystem::path out;  // the run directory
  // Goes on at the last checkpoint of `out`; starts there if it holds none. Without it a
  // folder that isn't empty is refused.
  bool resume = false;
  bool verbose = false;  // a line per step on stdout, and the memory table of each stage
  bool json = false;     // the summary as one JSON object
  // The ranks that run it together; null: this process alone. The leader writes the run
  // directory, which all of them must see.
  policy::Communicator* ranks = nullptr;
  // The command line to go on with, for the message after an interruption.
  std::string resume_command;
};

// Ctrl-C and SIGTERM make RunRecipe stop after the step it is in, and say so if this process
// `speaks`; a second one kills.
void StopOnSignals(bool speaks);
// What the handler does. Async-signal-safe.
void RequestStop();

// Runs all stages that aren't finished, then writes the summary to `out`. Throws Error:
// kUsage for a folder or recipe that can't be gone on with, kInterrupted after a signal
// (everything is saved), and what the stages throw.
void RunRecipe(const Recipe& recipe, const RunOptions& options, std::ostream& out);

}  // namespace agon::trainer
