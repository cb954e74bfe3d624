// One file of a source to raw texts.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "datasets/datasets.h"
#include "datasets/source_files.h"

namespace agon::datasets {

// What one file yields: texts that are clean, in the file's order, and what was dropped.
struct FileTexts {
  std::vector<std::string> texts;
  std::map<std::string, int64_t> dropped;  // reason -> texts
};

// Reads a file by the source's kind. Files above 64 MiB are dropped ("larger than 64 MiB"),
// pages of HTML above 8 MiB ("larger than 8 MiB"), files that can't be read ("unreadable"),
// lines of JSON that can't be parsed ("broken line") or lack the field ("no text"). Never
// throws for what a file holds. Thread-safe. REQUIRES: the kind is one of files.
FileTexts ReadSourceFile(const SourceSpec& spec, const SourceFile& file);

}  // namespace agon::datasets
