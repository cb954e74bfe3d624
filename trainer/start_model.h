// The model that a run goes on from (model.from), which must stay what it was: a run that is
// resumed reads it again, as the reference of KL for instance.
#pragma once

#include <filesystem>

#include "policy/communicator.h"

namespace agon::trainer {

// Writes the hash of the model in `model` to start.json of `run_dir`; if that is there, compares.
// Collective: all `ranks` read `model`, and the leader the file. Throws Error(kUsage), on every
// rank, if the model isn't the one that the run began with or not the same on all ranks, and what
// serve::HashModelDirectory throws.
void HoldToStartModel(const std::filesystem::path& run_dir, const std::filesystem::path& model,
                      policy::Communicator& ranks);

}  // namespace agon::trainer
