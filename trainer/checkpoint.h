// Checkpoints of a run: RUN/checkpoints/<stage>-<step>/, each whole or absent.
//
// A checkpoint is a Hugging Face model directory with trainer_state/ beside the weights:
// optimizer.safetensors (moments and step count) and state.json. Data and random numbers
// are pure functions of (seed, stage, step), so the step and what RL knows besides
// its weights are the whole cursor.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/chat.h"
#include "policy/policy.h"
#include "trainer/trainer.h"

namespace agon::trainer {

struct TrainerState {
  std::string stage;
  int step = 0;       // finished steps of `stage`
  bool done = false;  // `step` was the stage's last
  uint64_t seed = 0;
  std::vector<std::string> finished_stages;  // before `stage`, in order
  std::string recipe_hash;                   // RecipeHash
  RlState rl{};                              // of `stage`
};

struct Checkpoint {
  std::filesystem::path dir;
  TrainerState state;
  std::string compute;  // arithmetic that made it: "bf16", "fp32 on NVIDIA L4"
};

// checkpoints/rl-000050 of a run directory.
std::filesystem::path CheckpointDir(const std::filesystem::path& run_dir, std::string_view stage,
                                    int step);

// Writes one, then deletes those that needn't stay: the last two of the running stage and
// the last of every earlier one do. Throws kIo (disk full): the older ones are intact then.
// Of the running stage the models of every `keep_every`-th step stay too (0: none), and those that
// state.rl.course keeps, without what training needs. PPO's value model goes to
// trainer_state/value/ with its own moments. By the leader, while all others call
// HelpSaveCheckpoint with the same policies: each has some of the moments.
void SaveCheckpoint(const std::filesystem::path& run_dir, const TrainerState& state,
                    const policy::Policy& policy, const datasets::ChatTemplate& chat,
                    const policy::Policy* value = nullptr, int keep_every = 0);
void HelpSaveCheckpoint(const policy::Policy& policy, const policy::Policy* value);

// Writes the model after `step` of RL alone, without what training needs, unless it is there
// already. Of others like it those stay that `course` keeps or `keep_every` divides. Throws kIo.
void KeepModel(const std::filesystem::path& run_dir, int step, const GoldCourse& course,
               int keep_every, const policy::Policy& policy, const datasets::ChatTemplate& chat);

// Puts the weights of a model directory into `policy`. Throws kNotFound, kCorrupt, also where
// their shapes differ.
void LoadWeights(const std::filesystem::path& model_dir, policy::Policy& policy);

// The one that is furthest in the run; of `stage` only, if one is named. Folders without
// trainer_state/ are no checkpoints. Throws kCorrupt on an unreadable state.json.
std::optional<Checkpoint> FindLastCheckpoint(const std::filesystem::path& run_dir,
                                             std::string_view stage = "");

// Weights, and moments as they were under the same OptimizerConfig, on however many ranks: `ranks`
// join it, if there are any (collective). Throws kCorrupt, and kUsage if `device` would go on in
// another arithmetic.
std::unique_ptr<policy::Policy> LoadCheckpoint(
    const Checkpoint& checkpoint, policy::ComputeType compute,
    const policy::OptimizerConfig& optimizer, const policy::Device& device = {},
    policy::Head head = policy::Head::kLanguage, policy::Communicator* ranks = nullptr,
    const std::optional<policy::Workload>& workload = {});

// The value model beside it. Throws kCorrupt, kNotFound.
std::unique_ptr<policy::Policy> LoadValueModel(
    const Checkpoint& checkpoint, policy::ComputeType compute,
    const policy::OptimizerConfig& optimizer, const policy::Device& device = {},
    policy::Communicator* ranks = nullptr, const std::optional<policy::Workload>& workload = {});

// Removes what a killed process left half-written in the run directory.
void RemoveTornWrites(const std::filesystem::path& run_dir);

}  // namespace agon::trainer
