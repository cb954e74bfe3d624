// What a recipe can't ask for.
#include <filesystem>
#include <map>
#include <string>
#include <system_error>

#include "core/error.h"
#include "envs/dial.h"
#include "envs/env.h"
#include "trainer/recipe.h"
#include "trainer/refuse.h"
#include "trainer/reward_model_stage.h"

namespace agon::trainer {
namespace {

void CheckEnv(const std::string& env, const std::string& key) {
  try {
    envs::MakeEnv(env);
  } catch (const Error& error) {
    Refuse(error.what(), key, "");
  }
}

void CheckCurriculum(const RlConfig& rl) {
  if (rl.curriculum.empty()) return;
  try {
    const envs::LevelRange levels = envs::DialRange(rl.env, rl.curriculum);
    if (levels.low < levels.high) return;
  } catch (const Error& error) {
    Refuse(error.what(), "rl.curriculum", "");
  }
  Refuse("rl.env has one level of " + rl.curriculum + " only", "rl.curriculum",
         "let rl.env name a range, as " + rl.curriculum + "=0..2");
}

void CheckStartModel(const ModelSettings& settings) {
  int positions = 0;
  try {
    positions = policy::Policy::ConfigOf(settings.from).max_positions;
  } catch (const Error& error) {
    throw Error(error.kind(), error.what(), "model.from",
                "name a directory with config.json, as runs/a/checkpoints/sft-000300");
  }
  if (settings.max_positions <= positions) return;
  Refuse("the model of model.from has a context of " + std::to_string(positions) + " tokens",
         "model.max_positions", "set it to that or less");
}

// An opponent by the name of a stage.
void CheckOpponent(const std::string& opponent, const char* key, const Recipe& recipe) {
  if (opponent == "start" && !recipe.StartsFromModel()) {
    Refuse("start stands for the model of model.from, and there is none", key,
           "name model.from, or a model directory");
  }
  const std::map<std::string, int> steps = {{"pretrain", recipe.pretrain.num_steps},
                                            {"sft", recipe.sft.num_steps},
                                            {"probe", recipe.probe.num_steps}};
  const auto stage = steps.find(opponent);
  if (stage == steps.end() || stage->second > 0) return;
  Refuse(
      "the recipe has no stage " + opponent, key,
      recipe.StartsFromModel() ? "name start, the model of model.from" : "name a model directory");
}

// One that was trained before the stages after SFT.
bool HasModel(const Recipe& recipe) {
  return recipe.StartsFromModel() || recipe.pretrain.num_steps + recipe.sft.num_steps > 0;
}

void CheckRewardModel(const Recipe& recipe) {
  const RewardModelConfig& rewards = recipe.reward_model;
  if (rewards.average_weights && rewards.num_members == 1) {
    Refuse("the mean of one model's weights is that model", "reward_model.average_weights",
           "raise reward_model.num_members, or leave it out");
  }
  if (rewards.average_weights && rewards.head_deviation > 0) {
    Refuse("the mean of models whose heads began apart is none of them",
           "reward_model.average_weights", "set reward_model.head_deviation = 0, or leave it out");
  }
  if (!rewards.data.empty()) return;
  if (!rewards.val_data.empty()) {
    Refuse("held-out preferences without any to learn from", "reward_model.val_data",
           "name reward_model.data, too");
  }
  CheckEnv(rewards.env, "reward_model.env");
  const envs::EnvInfo info = envs::MakeEnv(rewards.env)->info();
  if (info.num_seats != 1 || info.max_turns != 1) {
    Refuse(rewards.env + " has several turns or seats, so that no reply is its own",
           "reward_model.env", "label an environment of one reply, such as text/reply");
  }
  if (rewards.source == CompletionSource::kPolicy && !HasModel(recipe)) {
    Refuse("no stage before it makes a model whose completions could be labeled",
           "reward_model.source", "give sft.num_steps, or use \"demonstrations\"");
  }
}

void CheckNamedRewardModels(const Recipe& recipe) {
  const char* const key = "rl.reward_models";
  for (const std::string& model : recipe.rl.learned.models) {
    if (model == kRewardModelStage) {
      if (recipe.reward_model.num_steps > 0) continue;
      Refuse("reward-model stands for what the recipe trains, and it trains none", key,
             "give reward_model.num_steps, or name a directory");
    }
    if (model.starts_with("http://")) continue;
    if (model.find("://") != std::string::npos) {
      Refuse("an address begins with http://: " + model, key,
             "let a proxy on this machine speak TLS");
    }
    std::error_code unreadable;
    if (!std::filesystem::is_directory(model, unreadable)) {
      Refuse("no such directory: " + model, key,
             "name reward-model, a directory of a reward model, or an http:// address");
    }
  }
}

// Best of n compares replies to one task; in a game each seat says its own.
void CheckBestOfN(const RlConfig& rl) {
  const int seats = envs::MakeEnv(rl.env)->info().num_seats;
  if (rl.best_of_n == 0 || seats == 1) return;
  Refuse(rl.env + " has " + std::to_string(seats) + " seats, so that no reply is the task's",
         "rl.best_of_n", "leave it 0");
}

// Looks at the first tasks of a split only: tasks have no end.
constexpr uint64_t kTasksLookedAt = 256;

void CheckFit(const std::string& env_spec, envs::Split split, uint64_t seed, uint64_t first_task,
              int max_new_tokens, const std::string& group, const Recipe& recipe,
              const datasets::ChatTemplate& chat) {
  const auto env = envs::MakeEnv(env_spec);
  for (uint64_t i = first_task; i < first_task + kTasksLookedAt; ++i) {
    const auto length = chat.EncodePrompt(env->Get(split, seed, i).messages).size();
    const auto needed = static_cast<int64_t>(length) + max_new_tokens;
    if (needed <= recipe.model.max_positions) continue;
    Refuse("task " + std::to_string(i) + " of " + env_spec + " has a prompt of " +
               std::to_string(length) + " tokens: with " + std::to_string(max_new_tokens) +
               " new ones that is more than the context of " +
               std::to_string(recipe.model.max_positions),
           group + ".max_new_tokens",
           "lower it, or raise model.max_positions to at least " + std::to_string(needed));
  }
}

}  // namespace

void CheckRecipe(const Recipe& recipe) {
  policy::ParseDevice(recipe.run.device, "run.device");
  if (recipe.StartsFromModel()) CheckStartModel(recipe.model);
  const policy::ModelConfig model = recipe.Model();
  if (recipe.pretrain.num_steps + recipe.sft.num_steps + recipe.probe.num_steps +
          recipe.reward_model.num_steps + recipe.rl.num_steps ==
      0) {
    Refuse("all stages have 0 steps", "rl.num_steps", "give at least one stage some steps");
  }
  if (recipe.pretrain.num_steps > 0) {
    if (recipe.pretrain.max_tokens > model.max_positions) {
      Refuse("sequences of " + std::to_string(recipe.pretrain.max_tokens) + " tokens in " +
                 std::to_string(model.max_positions) + " positions",
             "pretrain.max_tokens", "lower it or raise model.max_positions");
    }
    if (recipe.pretrain.tokens_per_step < recipe.pretrain.max_tokens) {
      Refuse("a batch of " + std::to_string(recipe.pretrain.tokens_per_step) +
                 " tokens holds no sequence of " + std::to_string(recipe.pretrain.max_tokens),
             "pretrain.tokens_per_step", "use at least pretrain.max_tokens");
    }
  }
  if (recipe.sft.num_steps > 0) CheckEnv(recipe.sft.env, "sft.env");
  if (recipe.probe.num_steps > 0) {
    if (!HasModel(recipe)) {
      Refuse("no stage before it makes a model that could be asked", "probe.num_steps",
             "give sft.num_steps");
    }
    CheckProbe(recipe.probe);
  }
  if (recipe.reward_model.num_steps > 0) CheckRewardModel(recipe);
  if (recipe.rl.num_steps > 0) {
    CheckEnv(recipe.rl.env, "rl.env");
    CheckRl(recipe.rl, model);
    CheckCurriculum(recipe.rl);
    CheckNamedRewardModels(recipe);
    CheckBestOfN(recipe.rl);
    CheckOpponent(recipe.rl.opponent, "rl.opponent", recipe);
  }
  CheckOpponent(recipe.eval.opponent, "eval.opponent", recipe);
  CheckEnv(recipe.eval.env, "eval.env");
  for (const std::string& env : recipe.eval.more_envs) CheckEnv(env, "eval.more_envs");
  if (recipe.eval.max_new_tokens >= model.max_positions) {
    Refuse(std::to_string(recipe.eval.max_new_tokens) +
               " new tokens leave no room for a prompt in " + std::to_string(model.max_positions) +
               " positions",
           "eval.max_new_tokens", "lower it or raise model.max_positions");
  }
}

void CheckPromptsFit(const Recipe& recipe, const datasets::ChatTemplate& chat) {
  const RewardModelConfig& rewards = recipe.reward_model;
  if (rewards.num_steps > 0 && rewards.data.empty() &&
      rewards.source == CompletionSource::kPolicy) {
    CheckFit(rewards.env, envs::Split::kTrain, rewards.seed, rewards.first_task,
             rewards.max_new_tokens, "reward_model", recipe, chat);
  }
  if (recipe.rl.num_steps > 0) {
    CheckFit(recipe.rl.env, envs::Split::kTrain, recipe.rl.seed, recipe.rl.first_task,
             recipe.rl.max_new_tokens, "rl", recipe, chat);
  }
  if (recipe.probe.num_steps > 0) {
    CheckFit(recipe.probe.env, envs::Split::kTrain, recipe.probe.seed, recipe.probe.first_task,
             recipe.probe.max_new_tokens, "probe", recipe, chat);
    CheckFit(recipe.probe.env, envs::Split::kTest, recipe.probe.seed, 0,
             recipe.probe.max_new_tokens, "probe", recipe, chat);
  }
  for (const judge::BenchmarkSpec& benchmark : recipe.Benchmarks()) {
    CheckFit(benchmark.env, benchmark.split, benchmark.seed, 0, benchmark.max_new_tokens, "eval",
             recipe, chat);
  }
}

}  // namespace agon::trainer
