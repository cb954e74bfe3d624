// From sources of text to a tokenizer and two corpora: the "corpus" stage of a run.
//
//   DIR/tokenizer.json    byte-level BPE learned from the text
//   DIR/train/, DIR/val/  token corpora (docs/formats/corpus.md)
//   DIR/report.json       what was read, dropped and kept, by source
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "datasets/datasets.h"

namespace agon::datasets {

struct CorpusRecipe {
  std::vector<SourceSpec> sources;  // empty: DefaultSources()
  int vocab_size = 2048;
  // Text that the tokenizer is trained on, sampled evenly from all documents. 0: all of it.
  int64_t tokenizer_bytes = int64_t{6} << 20;
  // Share of documents held out, chosen by a hash of their text: the same text is in the
  // same split whatever else is in the mix. In [0, 0.5].
  double val_fraction = 0.01;
};

// What a stock Debian or Ubuntu holds, about 20 MB: Python's standard library and its HTML
// manual (package python3-doc), WordNet's glosses (package wordnet-base), and generated
// arithmetic. All but the arithmetic are optional.
std::vector<SourceSpec> DefaultSources();

// Ingests, trains the tokenizer and writes everything under `dir`. Called again with the
// same sources it writes the same bytes. `progress` gets the stage as its source: a source's
// name, then "tokenizer" (merges), "train" and "val" (bytes). Throws kUsage for a recipe that
// can't be, kNotFound when a source that isn't optional is missing, kFailed when no text is
// left.
IngestReport BuildCorpus(const CorpusRecipe& recipe, const std::filesystem::path& dir,
                         const IngestProgress& progress = {});

// The tokenizer by itself. Reorders `documents` by a hash of their texts, which makes a
// prefix of them a fair sample of all sources.
Tokenizer TrainTokenizer(const CorpusRecipe& recipe, std::vector<Document>& documents,
                         const IngestProgress& progress = {});

// "NAME=KIND:PATH", with ",max=BYTES" (suffixes k, M) and ",field=NAME" after it. Throws
// kUsage, naming the part that is wrong.
SourceSpec ParseSourceSpec(const std::string& text);

// The report as a table for people, and as JSON.
std::string RenderReport(const IngestReport& report);
std::string ReportJson(const IngestReport& report);

}  // namespace agon::datasets
