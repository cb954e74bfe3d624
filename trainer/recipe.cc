#include "trainer/recipe.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <sstream>

#include "core/config.h"
#include "core/rng.h"
#include "trainer/recipe_keys.h"

namespace agon::trainer {
namespace {

// Clip ranges of the papers; rl.clip_low and rl.clip_high of 0 mean these.
void FillClipRange(LossConfig& loss) {
  struct Range {
    float low, high;
  };
  static const std::map<LossKind, Range> kRanges = {{LossKind::kGrpo, {0.2f, 0.2f}},
                                                    {LossKind::kDapo, {0.2f, 0.28f}},
                                                    {LossKind::kGspo, {3e-4f, 4e-4f}},
                                                    {LossKind::kCispo, {1.0f, 5.0f}},
                                                    {LossKind::kReinforce, {0.2f, 0.28f}}};
  const Range range = kRanges.at(loss.kind);
  if (loss.clip_low == 0) loss.clip_low = range.low;
  if (loss.clip_high == 0) loss.clip_high = range.high;
}

// What follows from other keys.
void Resolve(Recipe& recipe) {
  if (recipe.StartsFromModel()) {
    recipe.model.from = std::filesystem::absolute(recipe.model.from).lexically_normal().string();
    recipe.pretrain.num_steps = 0;
  }
  FillClipRange(recipe.rl.loss);
  recipe.pretrain.seed = recipe.sft.seed = recipe.probe.seed = recipe.reward_model.seed =
      recipe.rl.seed = recipe.run.seed;
  recipe.pretrain.micro_batch_tokens = recipe.sft.micro_batch_tokens =
      recipe.probe.micro_batch_tokens = recipe.reward_model.micro_batch_tokens =
          recipe.rl.micro_batch_tokens = recipe.run.micro_batch_tokens;
}

// "group.key" to its value's text, of a text by RecipeToml: a key a line.
std::map<std::string, std::string> ValuesByKey(const std::string& toml) {
  std::map<std::string, std::string> values;
  std::istringstream lines(toml);
  std::string group;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("[")) group = line.substr(1, line.size() - 2);
    const size_t equals = line.find(" = ");
    if (equals != std::string::npos) {
      values[group + "." + line.substr(0, equals)] = line.substr(equals + 3);
    }
  }
  return values;
}

// "group.key" to its value's text, of what decides a result.
std::map<std::string, std::string> DecidingValues(Recipe recipe) {
  recipe.run.threads = 0;
  recipe.run.device = RunSettings().device;
  recipe.run.save_every = RunSettings().save_every;
  recipe.run.recompute = RunSettings().recompute;
  recipe.rl.keep_every = RlConfig().keep_every;
  recipe.run.plugins.clear();
  if (recipe.StartsFromModel()) recipe.model.from = "a model";
  return ValuesByKey(RecipeToml(recipe));
}

// Resolved, not checked.
Recipe ReadRecipe(std::string_view toml, std::string_view where,
                  const std::vector<std::string>& overrides = {}) {
  Recipe recipe;
  ConfigTable table;
  BindRecipe(recipe, table);
  table.ReadToml(toml, where);
  for (const std::string& assignment : overrides) table.Set(assignment);
  Resolve(recipe);
  return recipe;
}

}  // namespace

Recipe::Recipe() { rl.loss.clip_low = rl.loss.clip_high = 0; }

policy::ModelConfig Recipe::Model() const {
  if (StartsFromModel()) {
    policy::ModelConfig config = policy::Policy::ConfigOf(model.from);
    config.max_positions = std::min(config.max_positions, model.max_positions);
    return config;
  }
  return policy::PresetConfig(model.preset, data.vocab_size, model.max_positions);
}

std::vector<judge::BenchmarkSpec> Recipe::Benchmarks() const {
  judge::BenchmarkSpec benchmark;
  benchmark.env = eval.env;
  benchmark.opponent = eval.opponent;
  benchmark.num_tasks = eval.num_tasks;
  benchmark.samples_per_task = eval.samples_per_task;
  benchmark.max_new_tokens = eval.max_new_tokens;
  std::vector<judge::BenchmarkSpec> benchmarks = {benchmark};
  benchmark.opponent.clear();
  for (const std::string& env : eval.more_envs) {
    benchmark.env = env;
    benchmarks.push_back(benchmark);
  }
  return benchmarks;
}

bool Recipe::NeedsCorpus() const {
  if (StartsFromModel()) return false;
  return pretrain.num_steps > 0 || data.vocab_size > MinVocabSize();
}

int MinVocabSize() { return 256 + static_cast<int>(datasets::ChatSpecialTokens().size()); }

Recipe ParseRecipe(std::string_view toml, std::string_view where,
                   const std::vector<std::string>& overrides) {
  Recipe recipe = ReadRecipe(toml, where, overrides);
  for (const std::string& plugin : recipe.run.plugins) envs::LoadPlugin(plugin);
  CheckRecipe(recipe);
  return recipe;
}

Recipe LoadRecipe(const std::string& file_or_name, const std::vector<std::string>& overrides) {
  if (file_or_name == "quickstart") return ParseRecipe(QuickstartToml(), "quickstart", overrides);
  return ParseRecipe(ReadRecipeFile(file_or_name), file_or_name, overrides);
}

std::string RecipeToml(const Recipe& recipe) {
  Recipe copy = recipe;
  ConfigTable table;
  BindRecipe(copy, table);
  return table.ToToml();
}

std::string RecipeHash(const Recipe& recipe) {
  static const auto usual = DecidingValues(ReadRecipe("", ""));
  std::string unusual;
  for (const auto& [key, value] : DecidingValues(recipe)) {
    if (value != usual.at(key)) unusual += key + " = " + value + "\n";
  }
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(Hash64(unusual)));
  return text;
}

std::vector<std::string> ChangedKeys(const Recipe& recipe, std::string_view was) {
  const auto before = DecidingValues(ReadRecipe(was, "recipe.toml"));
  std::vector<std::string> changed;
  for (const auto& [key, value] : DecidingValues(recipe)) {
    const std::string& old = before.at(key);
    if (value != old) changed.push_back(key + " (" + value + ", was " + old + ")");
  }
  return changed;
}

std::string RecipeMarkdown() {
  Recipe recipe;
  ConfigTable table;
  BindRecipe(recipe, table);
  return "# Keys of a recipe\n\n"
         "A recipe is a TOML file with these groups; `rl-train RECIPE --set group.key=value` "
         "overrides one key. What a recipe leaves out has its default. This page is generated "
         "from the table in `trainer/recipe_keys.cc`.\n\n"
         "Rollouts sample from the policy's whole distribution. There are no keys for top-k or "
         "top-p: the log-probabilities of a truncated distribution are not the policy's, and "
         "every importance ratio would be wrong.\n" +
         table.ToMarkdown();
}

}  // namespace agon::trainer
