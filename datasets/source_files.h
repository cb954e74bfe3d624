// The files that a source names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "datasets/datasets.h"

namespace agon::datasets {

struct SourceFile {
  std::filesystem::path path;
  int64_t bytes = 0;
};

// Sorted by path, each file once even if several links lead to it. Folders that can't be
// read are skipped, links to folders below a folder aren't followed. Empty if nothing matches.
std::vector<SourceFile> FindSourceFiles(const SourceSpec& spec);

}  // namespace agon::datasets
