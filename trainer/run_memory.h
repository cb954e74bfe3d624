// What the policies of a run take of memory: planned before the first step.
//
// The policy that stages train is there all the time, with memory for every stage. The others (a
// reference, a value model, reward models, an opponent) come for a stage, after it, and go at its
// end.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "policy/communicator.h"
#include "policy/policy.h"
#include "trainer/recipe.h"

namespace agon::trainer {

// By policy and purpose.
struct StageMemory {
  std::string stage;
  std::vector<policy::MemoryUse> uses;

  int64_t Total() const;
};

// What the stage that needs most takes of a GPU's memory, for this rank's part in a run of `recipe`
// in `run_dir`. Throws what Policy::Create throws, and what reading the recipe's models and
// preferences does.
StageMemory PlanMemory(const Recipe& recipe, const std::filesystem::path& run_dir,
                       const policy::Device& device, const policy::Communicator& ranks);

// What all stages together ask of the policy that they train.
policy::Workload WorkloadOf(const Recipe& recipe, const std::filesystem::path& run_dir,
                            const policy::Communicator& ranks);
// What RL asks of its reference and its value model.
policy::Workload ReferenceWorkload(const Recipe& recipe);
policy::Workload ValueWorkload(const Recipe& recipe, const policy::Communicator& ranks);

// What policies that are there together have taken; a name of "" isn't written before purposes.
std::vector<policy::MemoryUse> TakenBy(
    const std::vector<std::pair<std::string, const policy::Policy*>>& policies);

// The most of this process's memory that was the machine's at once; 0 where it can't be told.
int64_t PeakResidentBytes();

}  // namespace agon::trainer
