// Pretraining, SFT and reinforcement learning: one visible loop per stage.
//
// A stage is a pure function of its config, the policy it starts from and its data; a run
// that is killed at any moment and resumed writes the same weights and the same log as
// one that wasn't. Loops use all OpenMP threads; call them from one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "datasets/chat.h"
#include "datasets/datasets.h"
#include "envs/env.h"
#include "judge/reward_model.h"
#include "policy/policy.h"
#include "trainer/gold_watch.h"
#include "trainer/learned_reward.h"
#include "trainer/team.h"
#include "trainer/value.h"

namespace agon::trainer {

class RunLog;  // trainer/run_log.h

// Linear warm-up to `learning_rate`, then linear decay to `final_fraction` of it.
struct Schedule {
  float learning_rate = 1e-3f;
  int warmup_steps = 0;
  float final_fraction = 0.0f;  // in [0, 1]

  // Of step 1..num_steps.
  float At(int step, int num_steps) const;
};

struct PretrainConfig {
  int num_steps = 400;
  int tokens_per_step = 8192;
  int max_tokens = 256;  // longest training sequence
  int micro_batch_tokens = 4096;
  Schedule schedule{3e-3f, 20, 0.1f};
  policy::OptimizerConfig optimizer{.weight_decay = 0.1f};
  int val_every = 100;  // steps between validations; 0: only at the end
  int val_tokens = 65536;
  uint64_t seed = 1;
};

struct SftConfig {
  std::string env = "math/shop";
  int num_steps = 400;
  int tasks_per_step = 128;         // demonstrations per step
  int num_tasks = 20000;            // distinct training tasks, [0, num_tasks) of the train split
  float share_step_by_step = 0.5f;  // of labelers who think step by step; the rest answer at once
  int micro_batch_tokens = 4096;
  Schedule schedule{2e-3f, 20, 0.1f};
  policy::OptimizerConfig optimizer{};
  int val_every = 100;
  int val_tasks = 256;
  uint64_t seed = 1;
};

enum class AdvantageKind { kMean, kMeanStd, kRloo, kGae };
enum class LossKind { kGrpo, kDapo, kGspo, kCispo, kReinforce };
enum class KlEstimator { kNone, kK1, kK2, kK3 };
enum class KlPlace { kLoss, kReward };
// What a completion that hit the token limit earns.
enum class OverlongReward { kAsGraded, kZero, kSoftPenalty };

struct LossConfig {
  LossKind kind = LossKind::kDapo;
  float clip_low = 0.2f, clip_high = 0.28f;  // gspo: 3e-4, 4e-4; cispo: clip_high 5
  KlEstimator kl = KlEstimator::kNone;
  KlPlace kl_place = KlPlace::kLoss;
  float kl_coef = 0.0f;
  float kl_target = 0.0f;  // nats per completion that kl_coef is adapted to; 0: it stays
};

// With kGae: PPO's value model.
struct ValueConfig {
  float learning_rate = 1e-3f;
  float clip = 0.2f;     // how far a value may move from the one before the step; 0: any way
  int warmup_steps = 0;  // steps in which it learns alone
  policy::OptimizerConfig optimizer{};
};

struct RlConfig {
  std::string env = "math/shop";
  std::string opponent;    // model directory for a game's other seats; "": the policy
  std::string curriculum;  // dial of the environment whose levels open one by one; "": all open
  float curriculum_success = 0.7f;  // share of right answers that opens the next level
  int num_steps = 100;
  int keep_every = 0;  // steps whose models stay, where they are saved; 0: none but the last
  int tasks_per_step = 32;
  int kl_tasks = 8;     // of each step's, whose KL is shown where nothing needs that of all
  int group_size = 16;  // G >= 2, with kGae >= 1
  uint64_t first_task = 1000000;  // RL's tasks are [first_task, ...) of the train split
  int max_new_tokens = 96;
  float temperature = 1.0f;
  int max_rows = 512;
  AdvantageKind advantage = AdvantageKind::kMean;
  GaeConfig gae;
  ValueConfig value;
  LossConfig loss;
  LearnedRewardConfig learned;
  float length_coef = 0.0f;   // paid by an episode for each token it sampled
  float kl_limit = 0.0f;      // nats per completion at which RL ends early; 0: none
  int best_of_n = 0;          // most replies of best-of-n sampling, the baseline; 0: not measured
  bool stop_at_peak = false;  // end once gold falls, and go back to its peak
  int num_minibatches = 1;    // optimizer steps per epoch over a batch; divides tasks_per_step
  int num_epochs = 1;         // passes over a batch
  int refill_rounds = 0;      // extra rollout rounds that replace zero-variance groups
  OverlongReward overlong = OverlongReward::kAsGraded;
  int overlong_buffer = 16;     // tokens over which kSoftPenalty grows to 1
  bool mask_truncated = false;  // leave completions that hit the limit out of the loss
  int micro_batch_tokens = 4096;
  Schedule schedule{2e-4f, 5, 1.0f};
  policy::OptimizerConfig optimizer{};
  uint64_t seed = 1;
};

// Where a curriculum stands; part of a checkpoint.
struct CurriculumState {
  int level = 0;               // highest open
  std::vector<double> recent;  // shares of right answers since it opened, at most a window
};

// What RL knows besides its weights; part of a checkpoint.
struct RlState {
  CurriculumState curriculum;
  ScoreScales scales{};            // of reward models
  std::optional<float> kl_coef{};  // where an adaptive one stands
  GoldCourse course{};             // with a learned reward
  bool stopped = false;            // before num_steps, for good
};

// What a loop needs around it. `save` is called after every `save_every` steps and after
// the last one; `stop_requested` is asked after each step: a loop that stops early saves
// first and throws Error(kInterrupted).
struct StageContext {
  policy::Policy& policy;
  const datasets::ChatTemplate& chat;
  RunLog& log;
  policy::Policy* reference = nullptr;  // frozen, for KL; needed if it is charged
  int first_step = 1;                   // 1, or the step after the checkpoint that was resumed
  int save_every = 50;
  std::function<void(int step)> save;
  std::function<bool()> stop_requested;
  bool verbose = false;             // a line per step on stdout besides the bar
  double ceiling_gflops = 0;        // MeasureGemmCeiling, for "% of ceiling"; 0: not shown
  RlState* rl = nullptr;            // read at the start, written before each save
  Team team{};                      // who takes part in the steps
  policy::Policy* value = nullptr;  // with kGae: has a score head
  // For a reward that was learned.
  std::vector<std::shared_ptr<judge::RewardModel>> reward_models{};
  // With rl.stop_at_peak: keeps the model as it is after `step`, and brings a kept one back.
  std::function<void(int step)> keep{};
  std::function<void(int step)> go_back{};
};

void RunPretrain(const PretrainConfig& config, const datasets::Corpus& train,
                 const datasets::Corpus& val, const StageContext& context);
void RunSft(const SftConfig& config, const StageContext& context);
void RunRl(const RlConfig& config, const StageContext& context);

// Refuses what can't work before any work starts: throws Error(kUsage) naming the key.
void CheckRl(const RlConfig& config, const policy::ModelConfig& model);

}  // namespace agon::trainer
