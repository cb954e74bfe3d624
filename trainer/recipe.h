// A recipe: everything that decides a run, read from one TOML file.
//
// The table of keys stands in recipe.cc; docs/config.md is generated from it. Rollouts
// always sample from the policy's whole distribution: top-k and top-p would make the
// importance ratios of the loss wrong, so there are no such keys.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/chat.h"
#include "judge/eval.h"
#include "policy/policy.h"
#include "trainer/probe.h"
#include "trainer/reward_model_loop.h"
#include "trainer/trainer.h"

namespace agon::trainer {

struct RunSettings {
  uint64_t seed = 1;  // of every stage
  policy::ComputeType compute = policy::ComputeType::kAuto;
  std::string device = "cpu";  // see policy::ParseDevice
  int threads = 0;             // 0: all; results don't depend on it
  int save_every = 50;
  int micro_batch_tokens = 4096;
  policy::Recompute recompute = policy::Recompute::kNone;
  int num_shards = 1;
  std::vector<std::string> plugins;  // files, see envs::LoadPlugin
};

struct ModelSettings {
  std::string from;  // a model directory, absolute; "": random weights of `preset`
  std::string preset = "nano";
  int max_positions = 256;
};

struct DataSettings {
  std::vector<std::string> sources;  // "NAME=KIND:PATH"; empty: DefaultSources()
  int vocab_size = 2048;
  float val_fraction = 0.01f;
};

struct EvalSettings {
  std::string env = "math/shop";
  std::string opponent;
  int num_tasks = 500;
  int samples_per_task = 4;
  int max_new_tokens = 96;
  std::vector<std::string> more_envs;  // measured beside `env`
};

// A stage with num_steps 0 is left out.
struct Recipe {
  RunSettings run;
  ModelSettings model;
  DataSettings data;
  PretrainConfig pretrain;
  SftConfig sft;
  ProbeConfig probe;
  RewardModelConfig reward_model;
  RlConfig rl;
  EvalSettings eval;

  Recipe();
  bool StartsFromModel() const { return !model.from.empty(); }
  // Of what the first stage begins with, its context cut to model.max_positions. Throws what
  // Policy::ConfigOf throws of model.from.
  policy::ModelConfig Model() const;
  // Of eval.env, then of eval.more_envs.
  std::vector<judge::BenchmarkSpec> Benchmarks() const;
  // Whether a run needs text at all: not for a tokenizer that is there, or one without merges and
  // no pretraining.
  bool NeedsCorpus() const;
};

// Smallest vocabulary: bytes and special tokens, no merges.
int MinVocabSize();

// Reads `file_or_name` ("quickstart" is built in), applies `overrides` ("key=value"), fills
// in what follows from other keys, loads run.plugins, and checks. Throws Error naming the
// key.
Recipe LoadRecipe(const std::string& file_or_name, const std::vector<std::string>& overrides = {});
// The same for a text. `where` names it in errors.
Recipe ParseRecipe(std::string_view toml, std::string_view where,
                   const std::vector<std::string>& overrides = {});

// Every key with its value; reads back as the same recipe.
std::string RecipeToml(const Recipe& recipe);
// 16 hex digits over all that decides a result (not run.threads, run.save_every, run.recompute;
// run.device, which checkpoints know; run.plugins: an environment's id and version say what it
// does; where the model of model.from lies: see trainer/start_model.h). Keys at their default count
// for nothing, so that a run goes on under a later version that has more of them.
std::string RecipeHash(const Recipe& recipe);
// Differing keys that decide a result: "rl.group_size (8, was 16)". `was` is a resolved
// text of RecipeToml.
std::vector<std::string> ChangedKeys(const Recipe& recipe, std::string_view was);
// docs/config.md.
std::string RecipeMarkdown();

// Refuses what can't work before any work starts: Error(kUsage) naming the key.
void CheckRecipe(const Recipe& recipe);
// The part that needs a tokenizer: prompts of the recipe's environments leave room for
// their completions (looks at the first tasks of each).
void CheckPromptsFit(const Recipe& recipe, const datasets::ChatTemplate& chat);

// The text of recipes/quickstart.toml.
std::string_view QuickstartToml();

}  // namespace agon::trainer
