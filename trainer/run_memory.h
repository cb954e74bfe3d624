// What the policies of a run take of a GPU's memory: planned before the first step.
//
// The policy that stages train is there all the time, with memory for every stage. The others (a
// reference, a value model, reward models, an opponent) come for a stage, after it, and go at its
// end.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "policy/communicator.h"
#include "policy/policy.h"
#include "trainer/recipe.h"

namespace agon::trainer {

struct MemoryPlan {
  std::string stage;                    // that needs most
  std::vector<policy::MemoryUse> uses;  // by policy and purpose, in that stage
};

// Of this rank's part in a run of `recipe` in `run_dir`. Throws what Policy::Create throws, and
// what reading the recipe's models and preferences does.
MemoryPlan PlanMemory(const Recipe& recipe, const std::filesystem::path& run_dir,
                      const policy::Device& device, const policy::Communicator& ranks);

// What all stages together ask of the policy that they train.
policy::Workload WorkloadOf(const Recipe& recipe, const std::filesystem::path& run_dir,
                            const policy::Communicator& ranks);
// What RL asks of its reference and its value model.
policy::Workload ReferenceWorkload(const Recipe& recipe);
policy::Workload ValueWorkload(const Recipe& recipe, const policy::Communicator& ranks);

}  // namespace agon::trainer
