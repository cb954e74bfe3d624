// The corpus and tokenizer of a run.
#pragma once

#include <filesystem>
#include <functional>
#include <ostream>

#include "trainer/recipe.h"

namespace agon::trainer {

// Builds them into `dir`, whole or not at all, unless it is there. The table of what was kept goes
// to `table`, if there is one. Throws Error(kInterrupted) once `is_stopped` says so.
void BuildRunCorpus(const DataSettings& data, const std::filesystem::path& dir,
                    const std::function<bool()>& is_stopped, std::ostream* table);

}  // namespace agon::trainer
