// What the stages of a run train, and from what.
#include <algorithm>
#include <cstdio>
#include <ostream>

#include "core/error.h"
#include "trainer/probe.h"
#include "trainer/reward_models.h"
#include "trainer/rollouts.h"
#include "trainer/run_memory.h"
#include "trainer/run_stages.h"

namespace agon::trainer {

// One allocation for all stages.
void Run::TakeMemory() {
  const StageMemory plan = PlanMemory(recipe_, options_.out, device_, team_.ranks());
  arena_ = policy::NewArena(device_, plan.uses);
  device_.arena = arena_.get();
  if (!leads() || options_.json) return;
  out_ << "memory of " << policy::ArithmeticName(recipe_.run.compute, device_)
       << ", taken at once; most of it for " << plan.stage << ":\n"
       << RenderMemory(plan.uses) << std::flush;
}

// What the first stage begins with: model.from, or random weights; a score head of zeros.
std::unique_ptr<policy::Policy> Run::StartingPolicy(policy::Head head,
                                                    const policy::Workload& workload) const {
  if (recipe_.StartsFromModel()) {
    auto policy = policy::Policy::Load(recipe_.model.from, recipe_.run.compute, device_, head,
                                       workload, recipe_.model.max_positions);
    policy->SetEosTokenId(chat_->stop_token_id());
    return policy;
  }
  policy::ModelConfig model = recipe_.Model();
  model.vocab_size = tokenizer_->vocab_size();
  model.eos_token_id = chat_->stop_token_id();
  model.has_score_head = head == policy::Head::kScore;
  return policy::Policy::Create(model, recipe_.run.compute, recipe_.run.seed, device_, workload);
}

// What a finished stage made; "": what the first one begins with.
std::unique_ptr<policy::Policy> Run::LoadStage(const std::string& stage, policy::Head head,
                                               const policy::Workload& workload) const {
  if (stage.empty()) return StartingPolicy(head, workload);
  const auto checkpoint = FindLastCheckpoint(options_.out, stage);
  if (!checkpoint) {
    throw Error(ErrorKind::kNotFound, "no checkpoint of the finished stage " + stage,
                (options_.out / "checkpoints").string(), "start anew with another --out");
  }
  return policy::Policy::Load(checkpoint->dir, recipe_.run.compute, device_, head, workload);
}

// PPO's: the policy's body from the stage `before` RL, with a head of zeros, or where it was.
std::unique_ptr<policy::Policy> Run::ValueModel(const std::string& before) const {
  const policy::OptimizerConfig& optimizer = recipe_.rl.value.optimizer;
  const policy::Workload workload = ValueWorkload(recipe_, team_.ranks());
  if (start_ && start_->state.stage == "rl") {
    return LoadValueModel(*start_, recipe_.run.compute, optimizer, device_, &team_.ranks(),
                          workload);
  }
  auto value = LoadStage(before, policy::Head::kScore, workload);
  value->Join(team_.ranks());
  value->ConfigureOptimizer(optimizer);
  return value;
}

void Run::UsePolicyOf(const std::string& stage, policy::Head head) {
  const bool is_reward_model = head == policy::Head::kScore;
  if (policy_ && policy_stage_ == stage && policy_->config().has_score_head == is_reward_model) {
    return;
  }
  policy_.reset();  // two policies needn't fit into memory
  policy_ = LoadStage(stage, head, workload_);
  policy_stage_ = stage;
}

// What a stage begins with: reward models stand beside the line of language models.
std::string Run::LanguageModelBefore(const std::string& stage) const {
  std::string before;
  for (const std::string& finished : finished_) {
    if (finished == stage) break;
    if (!IsRewardModelStage(finished)) before = finished;
  }
  return before;
}

// Labels are made once, by the leader, of what the model before says.
void Run::PreparePreferences() {
  if (preferences_) return;
  const RewardModelConfig& config = recipe_.reward_model;
  const auto start = std::chrono::steady_clock::now();
  const bool reused = !config.data.empty() || fs::exists(PreferencesDir(options_.out));
  if (leads() && !reused) {
    if (config.source == CompletionSource::kPolicy) UsePolicyOf(LanguageModelBefore("rl"));
    WritePreferences(config, policy_.get(), *chat_, options_.out);
  }
  team_.ranks().Barrier();
  preferences_ = LoadPreferences(config, options_.out);
  const std::string result = DescribePreferences(*preferences_);
  summary_.stages.push_back({"labels", SecondsSince(start), reused, result});
  log_.Event("preferences: " + result);
}

// What the model before it knows: asked once, by the leader.
void Run::Probe() {
  const auto start = std::chrono::steady_clock::now();
  const bool reused = fs::exists(ProbeDir(options_.out));
  if (leads() && !reused) {
    UsePolicyOf(LanguageModelBefore(kProbeStage));
    WriteProbe(recipe_.probe, *policy_, *chat_, options_.out);
  }
  team_.ranks().Barrier();
  asked_ = judge::ReadAsked(ProbeDir(options_.out) / "train.jsonl");
  const std::string result = DescribeProbe(recipe_.probe, asked_);
  summary_.stages.push_back({"questions", SecondsSince(start), reused, result});
  log_.Event("probe: " + result);
}

void Run::AverageRewardModels() {
  const fs::path dir = RewardModelDirs(recipe_.reward_model, options_.out)[0];
  if (leads() && !fs::exists(dir)) {
    std::vector<fs::path> members;
    for (const Stage& stage : Stages()) {
      if (stage.member >= 0) members.emplace_back(ModelDir(stage.name));
    }
    AverageWeights(members, dir, *chat_);
    log_.Event("averaged the weights of " + std::to_string(members.size()) + " reward models");
  }
  team_.ranks().Barrier();
}

void Run::RunStage(const Stage& stage) {
  const auto start = std::chrono::steady_clock::now();
  const bool reused = IsFinished(stage.name);
  if (stage.member >= 0) PreparePreferences();
  if (stage.name == kProbeStage && !reused) Probe();
  if (!reused) TrainStage(stage);
  const RewardModelConfig& rewards = recipe_.reward_model;
  const bool is_last_member = stage.member == rewards.num_members - 1;
  if (rewards.average_weights && is_last_member) AverageRewardModels();
  if (!leads()) return;
  std::string result;
  if (const auto value = LastLogged(options_.out, stage.name, stage.metric)) {
    char text[64];
    std::snprintf(text, sizeof text, "%s %.4g", stage.metric, *value);
    result = text;
  }
  summary_.stages.push_back({stage.name, SecondsSince(start), reused, result});
  if (stage.member < 0) summary_.model = ModelDir(stage.name);
  if (stage.name == kProbeStage) MeasureKnowledge();
  if (is_last_member) MeasureQuality();
}

void Run::KeepRlModel(int step, const GoldCourse& course) {
  if (!leads()) return;
  KeepModel(options_.out, step, course, recipe_.rl.keep_every, *policy_, *chat_);
}

// What the leader kept is there for all.
void Run::GoBackTo(int step) {
  team_.ranks().Barrier();
  LoadWeights(CheckpointDir(options_.out, "rl", step), *policy_);
}

// A way of exchange that is slower than it might be is worth a word.
void Run::LogStart(const std::string& stage, int first_step) {
  log_.Event(stage + " begins at step " + std::to_string(first_step));
  const auto [way, shortfall] = policy_->DescribeExchange();
  if (way.empty() || !leads()) return;
  log_.Event("ranks exchange gradients and weights through " + way +
             (shortfall.empty() ? "" : ": " + shortfall));
  if (shortfall.empty() || is_shortfall_told_) return;
  is_shortfall_told_ = true;
  std::fprintf(stderr,
               "warning: GPUs exchange gradients and weights through %s, which is slow: %s\n",
               way.c_str(), shortfall.c_str());
}

void Run::TrainStage(const Stage& stage) {
  int first_step = 1;
  RlState rl;
  const std::string before = LanguageModelBefore(stage.name);
  if (start_ && start_->state.stage == stage.name) {
    policy_.reset();
    policy_ = LoadCheckpoint(*start_, recipe_.run.compute, stage.optimizer, device_, stage.head(),
                             &team_.ranks(), workload_);
    first_step = start_->state.step + 1;
    rl = start_->state.rl;
  } else {
    UsePolicyOf(before, stage.head());
    policy_->Join(team_.ranks());
    policy_->ConfigureOptimizer(stage.optimizer);
  }
  // The others come after the policy and go before it: its place in a GPU's memory stays.
  std::unique_ptr<policy::Policy> reference, value;
  if (stage.name == "rl" && TasksOfReference(recipe_.rl) > 0) {
    reference = LoadStage(before, policy::Head::kLanguage, ReferenceWorkload(recipe_));
  }
  if (stage.name == "rl" && recipe_.rl.advantage == AdvantageKind::kGae) value = ValueModel(before);
  policy_stage_ = stage.name;
  LogStart(stage.name, first_step);

  std::vector<std::shared_ptr<judge::RewardModel>> reward_models;
  if (stage.name == "rl") reward_models = MakeRewardModels(ResolvedRl(), device_);
  const auto save = [&](int step) {
    if (!leads()) return HelpSaveCheckpoint(*policy_, value.get());
    const bool done = step == stage.num_steps || rl.stopped;
    SaveCheckpoint(options_.out,
                   {stage.name, step, done, recipe_.run.seed, finished_, RecipeHash(recipe_), rl},
                   *policy_, *chat_, value.get(), stage.name == "rl" ? recipe_.rl.keep_every : 0);
    log_.Event("saved " + stage.name + " step " + std::to_string(step));
  };
  RunLoop(stage, {.policy = *policy_,
                  .chat = *chat_,
                  .log = log_,
                  .reference = reference.get(),
                  .first_step = first_step,
                  .save_every = recipe_.run.save_every,
                  .save = save,
                  .stop_requested = StopRequested,
                  .verbose = options_.verbose,
                  .ceiling_gflops = CeilingGflops(),
                  .rl = &rl,
                  .team = team_,
                  .value = value.get(),
                  .reward_models = std::move(reward_models),
                  .keep = [&](int step) { KeepRlModel(step, rl.course); },
                  .go_back = [&](int step) { GoBackTo(step); }});
  team_.ranks().Barrier();  // what the leader saved is there for all
  finished_.push_back(stage.name);
  KeepMemory({stage.name, TakenBy({{"", policy_.get()},
                                   {"reference", reference.get()},
                                   {"value model", value.get()}})});
}

// Of a stage that has ended. Nothing that was taken is given back before, so it is the most.
void Run::KeepMemory(StageMemory memory) {
  log_.Event(memory.stage + " finished; memory by purpose:\n" + RenderMemory(memory.uses));
  if (options_.verbose && leads()) {
    out_ << "memory of " << memory.stage << ":\n" << RenderMemory(memory.uses);
  }
  if (memory.Total() > summary_.memory.Total()) summary_.memory = std::move(memory);
}

void Run::RunLoop(const Stage& stage, const StageContext& context) {
  if (stage.name == "pretrain") {
    const datasets::Corpus train(CorpusDir() / "train"), val(CorpusDir() / "val");
    RunPretrain(recipe_.pretrain, train, val, context);
  } else if (stage.name == "sft") {
    RunSft(recipe_.sft, context);
  } else if (stage.name == kProbeStage) {
    RunProbe(recipe_.probe, asked_, context);
  } else if (stage.member >= 0) {
    RunRewardModel(recipe_.reward_model, *preferences_, stage.member, stage.name, context);
  } else {
    RunRl(ResolvedRl(), context);
  }
}

// With directories in place of names of stages.
RlConfig Run::ResolvedRl() const {
  RlConfig config = recipe_.rl;
  config.opponent = ModelDir(config.opponent);
  config.learned.models.clear();
  for (const std::string& model : recipe_.rl.learned.models) {
    if (model != kRewardModelStage) {
      config.learned.models.push_back(model);
      continue;
    }
    for (const fs::path& dir : RewardModelDirs(recipe_.reward_model, options_.out)) {
      config.learned.models.push_back(dir.string());
    }
  }
  return config;
}

bool Run::IsStage(const std::string& name) const {
  const std::vector<Stage> stages = Stages();
  return std::any_of(stages.begin(), stages.end(),
                     [&](const Stage& stage) { return stage.name == name; });
}

// A stage's name stands for the model that it made, start for model.from.
std::string Run::ModelDir(const std::string& name_or_dir) const {
  if (recipe_.StartsFromModel() && name_or_dir == kStart) return recipe_.model.from;
  for (const Stage& stage : Stages()) {
    if (stage.name != name_or_dir) continue;
    // RL may have ended before its last step.
    const auto checkpoint = FindLastCheckpoint(options_.out, stage.name);
    return (checkpoint ? checkpoint->dir : CheckpointDir(options_.out, stage.name, stage.num_steps))
        .string();
  }
  return name_or_dir;
}

}  // namespace agon::trainer
