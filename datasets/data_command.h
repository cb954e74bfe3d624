// What rl-data does.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "datasets/pipeline.h"

namespace agon::datasets {

struct DataCommand {
  std::vector<std::string> sources;  // NAME=KIND:PATH; empty: DefaultSources()
  CorpusRecipe recipe;               // its sources are those above
  std::string tokenizer;             // file
  std::string path;                  // what is written, or looked at
  int64_t num_samples = 0;           // documents that info shows
  bool is_json = false;              // JSON on stdout in place of the table
};

// All print to `out` and show progress on stderr.
void RunBuild(const DataCommand& command, std::ostream& out);
// Writes the documents as lines of JSON with `text` and `source`, unless `path` is empty.
void RunIngest(const DataCommand& command, std::ostream& out);
void RunTokenizer(const DataCommand& command, std::ostream& out);
void RunCorpus(const DataCommand& command, std::ostream& out);
// `path` is what rl-data build or rl-data corpus wrote.
void RunInfo(const DataCommand& command, std::ostream& out);

}  // namespace agon::datasets
