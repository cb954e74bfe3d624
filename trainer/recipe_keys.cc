// The one table of a recipe's keys.
#include "trainer/recipe_keys.h"

#include "core/error.h"
#include "core/file.h"

namespace agon::trainer {
namespace {

constexpr int64_t kMaxSteps = 100'000'000;
constexpr int64_t kMaxTokens = int64_t{1} << 24;

void BindRun(RunSettings& run, ConfigTable& t) {
  t.Add("run.seed", &run.seed, "", "seed of every stage: the same seed gives the same bits");
  t.AddChoice(
      "run.compute", &run.compute, {"auto", "bf16", "fp32"},
      "operands of matrix products; auto is bf16 on a GPU and where the CPU has AVX512_BF16");
  t.Add("run.device", &run.device,
        "where the model is computed: cpu, cuda, cuda:N, or auto, a GPU where one can be used");
  t.Add("run.threads", &run.threads, 0, 1024, "threads", "0: all; results don't depend on it");
  t.Add("run.save_every", &run.save_every, 0, kMaxSteps, "steps",
        "between checkpoints; 0: only at the end of a stage");
  t.Add("run.micro_batch_tokens", &run.micro_batch_tokens, 64, kMaxTokens, "tokens",
        "trained at once: memory against speed");
  t.AddChoice("run.recompute", &run.recompute, {"none", "layer"},
              "what training computes again to save memory: with layer every layer's forward pass, "
              "before its backward; results don't depend on it");
  t.Add("run.num_shards", &run.num_shards, 1, 1024, "shards",
        "of a batch whose gradients are summed in order: the number of processes (mpirun) must "
        "divide it, and results depend on it alone");
  t.Add("run.plugins", &run.plugins,
        "files with environments of your own: shared objects or programs");
}

void BindModelAndData(Recipe& r, ConfigTable& t) {
  t.Add("model.from", &r.model.from,
        "directory of a model to go on from, with its tokenizer, as Hugging Face or another run "
        "keeps it: model.preset, [data] and [pretrain] are then out of use; empty: random weights");
  t.Add("model.preset", &r.model.preset, "pico, nano, micro, mini, small or base");
  t.Add("model.max_positions", &r.model.max_positions, 16, 1 << 20, "tokens",
        "context: longest prompt with its completion; that of model.from's model is cut to it");
  t.Add("data.sources", &r.data.sources,
        "texts, each NAME=KIND:PATH with KIND text, jsonl or html; empty: what a stock Debian "
        "holds");
  t.Add("data.vocab_size", &r.data.vocab_size, MinVocabSize(), 1 << 20, "tokens",
        "bytes, merges and special tokens");
  t.Add("data.val_fraction", &r.data.val_fraction, 0, 0.5, "share",
        "of documents held out for validation");
}

void BindPretrain(PretrainConfig& p, ConfigTable& t) {
  t.Add("pretrain.num_steps", &p.num_steps, 0, kMaxSteps, "steps", "0: no pretraining");
  t.Add("pretrain.tokens_per_step", &p.tokens_per_step, 64, kMaxTokens, "tokens",
        "batch of one update");
  t.Add("pretrain.max_tokens", &p.max_tokens, 8, kMaxTokens, "tokens", "longest training sequence");
  t.Add("pretrain.learning_rate", &p.schedule.learning_rate, 0, 1, "",
        "peak; falls linearly to a tenth");
  t.Add("pretrain.warmup_steps", &p.schedule.warmup_steps, 0, kMaxSteps, "steps", "linear warm-up");
  t.AddChoice("pretrain.optimizer", &p.optimizer.kind, {"adamw", "muon"},
              "muon trains the hidden matrices with Muon, the rest with AdamW");
  t.Add("pretrain.weight_decay", &p.optimizer.weight_decay, 0, 10, "", "on matrices only");
  t.Add("pretrain.val_every", &p.val_every, 0, kMaxSteps, "steps",
        "between validations; 0: only at the end");
}

void BindSft(SftConfig& s, ConfigTable& t) {
  t.Add("sft.env", &s.env, "environment that is demonstrated");
  t.Add("sft.num_steps", &s.num_steps, 0, kMaxSteps, "steps", "0: no SFT");
  t.Add("sft.tasks_per_step", &s.tasks_per_step, 1, 1 << 20, "tasks",
        "demonstrations of one update");
  t.Add("sft.num_tasks", &s.num_tasks, 1, 1'000'000, "tasks", "distinct training tasks");
  t.Add("sft.share_step_by_step", &s.share_step_by_step, 0, 1, "share",
        "of labelers who think step by step; the rest answer at once");
  t.AddChoice("sft.optimizer", &s.optimizer.kind, {"adamw", "muon"},
              "muon trains the hidden matrices with Muon, the rest with AdamW");
  t.Add("sft.learning_rate", &s.schedule.learning_rate, 0, 1, "", "peak; falls linearly to 0");
  t.Add("sft.warmup_steps", &s.schedule.warmup_steps, 0, kMaxSteps, "steps", "linear warm-up");
  t.Add("sft.val_every", &s.val_every, 0, kMaxSteps, "steps",
        "between validations; 0: only at the end");
}

void BindProbe(ProbeConfig& p, ConfigTable& t) {
  t.Add("probe.num_steps", &p.num_steps, 0, kMaxSteps, "steps",
        "of SFT on what the model knows and doesn't; 0: it isn't probed");
  t.Add("probe.env", &p.env,
        "environment of one reply whose questions are asked: text/facts, or "
        "text/questions(file=PATH) of yours");
  t.Add("probe.num_facts", &p.num_facts, 1, 10'000'000, "questions",
        "of the train split; one that comes again is left out");
  t.Add("probe.num_samples", &p.num_samples, 1, 4096, "replies", "to each question");
  t.Add("probe.temperature", &p.temperature, 0, 100, "", "of these replies");
  t.Add("probe.max_new_tokens", &p.max_new_tokens, 1, kMaxTokens, "tokens", "longest reply");
  t.Add("probe.known_share", &p.known_share, 0, 1, "share",
        "of right replies from which a fact is known; with none right it is answered \"I don't "
        "know\", in between it is left out");
  t.Add("probe.share_dont_know", &p.share_dont_know, 0, 1, "share",
        "of demonstrations that say \"I don't know\"; the rest repeats right replies to what is "
        "known");
  t.Add("probe.mix", &p.mix,
        "environments that are demonstrated beside, each ENV=SHARE of all demonstrations, such as "
        "text/identity=0.1");
  t.Add("probe.demonstrations_per_step", &p.demonstrations_per_step, 1, 1 << 20, "demonstrations",
        "of one update");
  t.Add("probe.val_facts", &p.val_facts, 1, 10'000'000, "questions",
        "of the test split, asked before and after");
  t.AddChoice("probe.optimizer", &p.optimizer.kind, {"adamw", "muon"},
              "muon trains the hidden matrices with Muon, the rest with AdamW");
  t.Add("probe.learning_rate", &p.schedule.learning_rate, 0, 1, "",
        "peak; falls linearly to a tenth");
  t.Add("probe.warmup_steps", &p.schedule.warmup_steps, 0, kMaxSteps, "steps", "linear warm-up");
}

void BindRewardModel(RewardModelConfig& r, ConfigTable& t) {
  t.Add("reward_model.num_steps", &r.num_steps, 0, kMaxSteps, "steps", "0: no reward model");
  t.Add("reward_model.data", &r.data,
        "file of preferences; empty: synthetic labelers rank what reward_model.source says");
  t.Add("reward_model.val_data", &r.val_data,
        "file of held-out preferences; empty: a tenth of reward_model.data, prompts drawn by "
        "the seed");
  t.Add("reward_model.env", &r.env,
        "environment of one reply, whose reward is the truth that labelers see");
  t.AddChoice("reward_model.source", &r.source, {"policy", "demonstrations"},
              "whose completions are labeled: those of the model that SFT made, or the "
              "environment's own");
  t.Add("reward_model.num_preferences", &r.num_preferences, 1, 100'000'000, "preferences",
        "tasks that are labeled; those without enough different completions are left out");
  t.Add("reward_model.num_completions", &r.num_completions, 2, datasets::kMaxRanked, "completions",
        "that one preference ranks; 2: pairs");
  t.Add("reward_model.max_new_tokens", &r.max_new_tokens, 1, kMaxTokens, "tokens",
        "longest completion that is labeled");
  t.Add("reward_model.num_labelers", &r.labelers.num_labelers, 1, 1'000'000, "labelers",
        "each task is given to one of them");
  t.Add("reward_model.disagreement", &r.labelers.disagreement, 0, 10, "",
        "deviation of the logarithms of what parts of the reward weigh to a labeler");
  t.Add("reward_model.label_noise", &r.labelers.label_noise, 0, 0.5, "share",
        "of pairs that come out the wrong way round");
  t.Add("reward_model.preferences_per_step", &r.preferences_per_step, 1, 1 << 20, "preferences",
        "of one update");
  t.AddChoice("reward_model.loss", &r.loss, {"bradley_terry", "plackett_luce"},
              "of rankings: over all their pairs, or over the order as a whole; of pairs they are "
              "one");
  t.Add("reward_model.centering", &r.centering, 0, 100, "",
        "weight of the squared mean reward of a preference, which keeps rewards around 0");
  t.Add("reward_model.num_members", &r.num_members, 1, 64, "models",
        "of an ensemble, each of which sees the preferences in another order");
  t.Add(
      "reward_model.member_share", &r.member_share, 0.01, 1, "share",
      "of the preferences that a member learns from, each member its own; less makes them differ");
  t.Add(
      "reward_model.head_deviation", &r.head_deviation, 0, 10, "",
      "of a head's first weights, each member its own: makes members differ where preferences say "
      "nothing; 0: zeros");
  t.Add("reward_model.average_weights", &r.average_weights,
        "make one model of the members' mean weights (WARM)");
  t.AddChoice("reward_model.optimizer", &r.optimizer.kind, {"adamw", "muon"},
              "muon trains the hidden matrices with Muon, the rest with AdamW");
  t.Add("reward_model.learning_rate", &r.schedule.learning_rate, 0, 1, "",
        "peak; falls linearly to a tenth");
  t.Add("reward_model.warmup_steps", &r.schedule.warmup_steps, 0, kMaxSteps, "steps",
        "linear warm-up");
  t.Add("reward_model.val_every", &r.val_every, 0, kMaxSteps, "steps",
        "between validations; 0: only at the end");
  t.Add("reward_model.val_preferences", &r.val_preferences, 1, 10'000'000, "preferences",
        "held out");
}

void BindRollouts(RlConfig& rl, ConfigTable& t) {
  t.Add("rl.env", &rl.env, "environment that rewards");
  t.Add("rl.opponent", &rl.opponent,
        "who plays the other seats of a game: sft, start (the model of model.from), a model "
        "directory, or empty for the policy itself");
  t.Add("rl.curriculum", &rl.curriculum,
        "difficulty, or an attribute of the environment, whose levels open one by one; empty: all "
        "are open");
  t.Add("rl.curriculum_success", &rl.curriculum_success, 0, 1, "share",
        "of right answers, over four steps, that opens the next level");
  t.Add("rl.num_steps", &rl.num_steps, 0, kMaxSteps, "steps", "0: no reinforcement learning");
  t.Add(
      "rl.keep_every", &rl.keep_every, 0, kMaxSteps, "steps",
      "whose models stay beside the last, where they are saved: to see how training went; 0: none");
  t.Add("rl.tasks_per_step", &rl.tasks_per_step, 1, 1 << 20, "tasks", "rolled out per step");
  t.Add("rl.group_size", &rl.group_size, 1, 4096, "completions",
        "of one task, compared with each other; at least 2");
  t.Add("rl.max_new_tokens", &rl.max_new_tokens, 1, kMaxTokens, "tokens", "longest completion");
  t.Add("rl.temperature", &rl.temperature, 0, 100, "", "of sampling and of the loss");
  t.Add("rl.refill_rounds", &rl.refill_rounds, 0, 16, "rounds",
        "of further rollouts that replace groups whose rewards are all equal");
  t.AddChoice(
      "rl.overlong", &rl.overlong, {"as_graded", "zero", "soft_penalty"},
      "what a completion that hit the token limit earns; zero: not with rl.reward_models or "
      "rl.length_coef, under which rewards can be negative");
  t.Add("rl.overlong_buffer", &rl.overlong_buffer, 1, kMaxTokens, "tokens",
        "before the limit, over which soft_penalty grows to 1");
  t.Add("rl.mask_truncated", &rl.mask_truncated,
        "leave completions that hit the token limit out of the loss");
}

void BindLoss(RlConfig& rl, ConfigTable& t) {
  t.AddChoice("rl.advantage", &rl.advantage, {"mean", "mean_std", "rloo", "gae"},
              "what a reward is compared with: the group's mean (Dr. GRPO, GRPO, RLOO), or what a "
              "value model expects at each token (PPO)");
  t.Add("rl.gae_lambda", &rl.gae.lambda, 0, 1, "",
        "with gae, how far rewards are looked ahead to: 1 is the whole episode");
  t.Add("rl.value_learning_rate", &rl.value.learning_rate, 0, 1, "", "of the value model");
  t.Add("rl.value_clip", &rl.value.clip, 0, 1000, "",
        "how far a value may move from the one before the step; 0: any way");
  t.Add("rl.value_warmup_steps", &rl.value.warmup_steps, 0, kMaxSteps, "steps",
        "in which the value model learns alone");
  t.AddChoice("rl.loss", &rl.loss.kind, {"grpo", "dapo", "gspo", "cispo", "reinforce"},
              "policy-gradient loss");
  t.Add("rl.clip_low", &rl.loss.clip_low, 0, 100, "",
        "how far a ratio may fall below 1; 0: as the loss's paper has it");
  t.Add("rl.clip_high", &rl.loss.clip_high, 0, 100, "",
        "how far a ratio may rise above 1; 0: as the loss's paper has it");
  t.AddChoice("rl.kl", &rl.loss.kl, {"none", "k1", "k2", "k3"},
              "estimator of the KL divergence from the model that RL starts from");
  t.AddChoice("rl.kl_place", &rl.loss.kl_place, {"loss", "reward"}, "where KL is charged");
  t.Add("rl.kl_coef", &rl.loss.kl_coef, 0, 100, "", "weight of KL");
  t.Add(
      "rl.kl_tasks", &rl.kl_tasks, 0, 1 << 20, "tasks",
      "of a step, whose KL from the starting model is shown where none is charged; 0: none, which "
      "saves that model's memory");
  t.Add("rl.num_minibatches", &rl.num_minibatches, 1, 1 << 20, "updates",
        "per pass over a batch; divides rl.tasks_per_step");
  t.Add("rl.num_epochs", &rl.num_epochs, 1, 64, "passes", "over a batch");
  t.Add("rl.learning_rate", &rl.schedule.learning_rate, 0, 1, "", "after the warm-up");
  t.Add("rl.warmup_steps", &rl.schedule.warmup_steps, 0, kMaxSteps, "steps", "linear warm-up");
}

std::vector<std::string> RuleNames() {
  const auto names = judge::EnsembleRuleNames();
  return {names.begin(), names.end()};
}

void BindLearnedReward(RlConfig& rl, ConfigTable& t) {
  LearnedRewardConfig& learned = rl.learned;
  t.Add("rl.reward_models", &learned.models,
        "models that learned a reward from preferences: reward-model for those of this run, "
        "directories, or addresses that answer POST "
        "/get_reward (http://...); empty: only the environment rewards");
  t.Add("rl.reward_weight", &learned.weight, 0, 1000, "", "of the learned reward");
  t.Add("rl.env_weight", &learned.env_weight, 0, 1000, "",
        "of the environment's reward beside it; 0: that is only measured, as the gold");
  t.AddChoice("rl.reward_combine", &learned.ensemble.rule, RuleNames(),
              "how the rewards of several models become one; uncertainty: the mean less "
              "rl.uncertainty_weight times their variance");
  t.Add("rl.uncertainty_weight", &learned.ensemble.uncertainty_weight, 0, 1000, "",
        "what models pay for their disagreement");
  t.AddChoice("rl.reward_scale", &learned.scale, {"none", "initial", "running"},
              "what rewards of models are measured in before they are combined: as they are, or "
              "deviations from the mean of the starting policy, or of all so far");
  t.Add("rl.length_coef", &rl.length_coef, 0, 1000, "", "paid by an episode for each token");
  t.Add("rl.kl_target", &rl.loss.kl_target, 0, 1e6, "nats",
        "of KL per completion, to which rl.kl_coef is adapted; 0: it stays");
  t.Add("rl.kl_limit", &rl.kl_limit, 0, 1e6, "nats",
        "of KL per completion, at which RL ends early; 0: none");
  t.Add("rl.best_of_n", &rl.best_of_n, 0, 4096, "replies",
        "of the starting policy to each of rl.tasks_per_step prompts, of which the learned reward "
        "takes the best: a baseline for the report; 0: none, as in games of several seats");
  t.Add(
      "rl.stop_at_peak", &rl.stop_at_peak,
      "end once the environment's reward has lost a quarter of what it had gained, and go back to "
      "the model where it was highest, both as means over nine steps; at the last step go back if "
      "it is lower for sure");
}

void BindEval(EvalSettings& eval, ConfigTable& t) {
  t.Add("eval.env", &eval.env, "environment whose test split is asked");
  t.Add("eval.more_envs", &eval.more_envs, "further environments, measured in the same way");
  t.Add("eval.opponent", &eval.opponent,
        "who plays the other seats of a game: sft, start (the model of model.from), or a model "
        "directory");
  t.Add("eval.num_tasks", &eval.num_tasks, 1, 10'000'000, "tasks", "held-out tasks");
  t.Add("eval.samples_per_task", &eval.samples_per_task, 1, 4096, "completions", "per task");
  t.Add("eval.max_new_tokens", &eval.max_new_tokens, 1, kMaxTokens, "tokens", "longest completion");
}

}  // namespace

void BindRecipe(Recipe& recipe, ConfigTable& table) {
  BindRun(recipe.run, table);
  BindModelAndData(recipe, table);
  BindPretrain(recipe.pretrain, table);
  BindSft(recipe.sft, table);
  BindProbe(recipe.probe, table);
  BindRewardModel(recipe.reward_model, table);
  BindRollouts(recipe.rl, table);
  BindLoss(recipe.rl, table);
  BindLearnedReward(recipe.rl, table);
  BindEval(recipe.eval, table);
}

std::string ReadRecipeFile(const std::string& file) {
  try {
    return ReadFile(file, size_t{1} << 20);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kNotFound) throw;
    throw Error(ErrorKind::kNotFound, "no such recipe", file,
                "name a TOML file, or quickstart for the built-in recipe");
  }
}

}  // namespace agon::trainer
